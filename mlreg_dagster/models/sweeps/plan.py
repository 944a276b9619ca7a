"""The plan of a sweep: which version becomes which configuration. It is frozen before the first one is trained.

So a sweep that was interrupted goes on with the same versions, and a backfill of its partitions, launched anywhere,
trains what was planned.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from mlreg_dagster.config import FROZEN, ModelSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.times import read_time
from mlreg_dagster.models.manifests import SWEEP, recorded_settings
from mlreg_dagster.models.sweeps.file import BASE, Configuration
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.artifacts.base import ArtifactError, ArtifactFrozen

SWEEPS = "sweeps"
"""The kind of bundle that a plan is."""

VERSIONS = "sweep_versions"
"""The kind of bundle whose keys say which plan has which versions: the first, the last, and the name of the sweep.

So a training finds its plan by a list of names, without reading those of other sweeps. It is frozen before the plan: a
kill in between leaves a key that leads nowhere, and a plan that is there can be found.
"""

_FILE = "sweep.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class NotASweep(MlregError):
    """A sweep that can't be planned or found."""


@dataclass(frozen=True)
class Planned:
    """A configuration, and the version that it becomes.

    Attributes:
        number: 0 for the base.
        name: For people.
        version: Which one.
        model: The model file that it starts from.
        changes: What differs from the base.
        settings: What is trained, as a manifest holds it.
    """

    number: int
    name: str
    version: str
    model: str
    changes: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def model_settings(self) -> ModelSettings:
        """What is trained."""
        return ModelSettings.model_validate({"flagging": FROZEN, **self.settings})


@dataclass(frozen=True)
class Plan:
    """A sweep.

    Attributes:
        name: Its name.
        dataset_day: Day of the dataset that all are trained on.
        planned_at: When it was planned.
        configurations: The base first.
    """

    name: str
    dataset_day: str
    planned_at: datetime
    configurations: tuple[Planned, ...]

    @property
    def of(self) -> int:
        """How many configurations there are beside the base."""
        return len(self.configurations) - 1

    @property
    def base(self) -> Planned:
        """The model file as it stands."""
        return self.configurations[0]

    def origin(self, planned: Planned) -> dict[str, Any]:
        """Where a version comes from, for its manifest."""
        facts = {"name": self.name, "number": planned.number, "of": self.of, "changes": dict(planned.changes)}
        return {SWEEP: facts}

    def cause(self, planned: Planned) -> dict[str, str]:
        """Why a version is trained; the same in each run, so that one that was killed can be done again."""
        which = "the base" if not planned.number else f"configuration {planned.number} of {self.of}"
        return {
            "trigger": "manual",
            "key": f"sweep-{self.name}-{planned.number}",
            "reason": f"Sweep {self.name}, {which}.",
        }


def checked_name(name: str) -> str:
    """A name for a sweep.

    Raises:
        NotASweep: It can't be one.
    """
    if not _NAME.fullmatch(name):
        raise NotASweep(
            f"{name[:80]!a} can't be the name of a sweep. Use at most 64 lower-case letters, digits, - and _, starting "
            f"with a letter or digit: mlreg sweep FILE --name NAME."
        )
    return name


def make_plan(
    name: str, day: str, now: datetime, configurations: Sequence[Configuration], versions: Sequence[str]
) -> Plan:
    """A plan that gives each configuration a version."""
    found = (
        Planned(each.number, each.name, version, each.model, each.changes, recorded_settings(each.settings))
        for each, version in zip(configurations, versions, strict=True)
    )
    return Plan(name, day, now, tuple(found))


def freeze_plan(plan: Plan, store: ArtifactStore) -> None:
    """Keep a plan.

    Raises:
        NotASweep: Another one has its name.
    """
    facts = asdict(plan) | {"planned_at": plan.planned_at.isoformat()}
    content = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False).encode()
    versions = [each.version for each in plan.configurations]
    store.freeze(VERSIONS, _key_of(plan), {_FILE: json.dumps({"name": plan.name, "versions": versions}).encode()})
    try:
        store.freeze(SWEEPS, plan.name, {_FILE: content})
    except ArtifactFrozen as error:
        raise NotASweep(f"Another sweep was planned as {plan.name} at the same time. Choose another --name.") from error


def read_plan(store: ArtifactStore, name: str) -> Plan | None:
    """A plan; None where there is none of this name.

    Raises:
        ArtifactTampered: It is not as it was frozen.
        NotASweep: It has another form.
    """
    if not _NAME.fullmatch(name) or store.find(SWEEPS, name) is None:
        return None
    try:
        facts = json.loads(store.read(SWEEPS, name)[_FILE])
        configurations = tuple(Planned(**each) for each in facts["configurations"])
        plan = Plan(name, str(facts["dataset_day"]), read_time(facts["planned_at"]), configurations)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise NotASweep(f"The plan of the sweep {name} can't be read: {error}") from error
    if facts.get("name") != name or not configurations:
        raise NotASweep(f"The plan of the sweep {name} is of another sweep, or empty.")
    return plan


def plan_of_versions(name: str, versions: Sequence[ModelVersion]) -> Plan:
    """What versions say themselves of the sweep that they are of, where its plan lies in another home."""
    found = []
    for each in versions:
        sweep = each.manifest[SWEEP]
        number, changes = int(sweep["number"]), dict(sweep["changes"])
        in_words = f"number {number}" if number else BASE
        found.append(Planned(number, in_words, each.version, "", changes, dict(each.manifest["settings"])))
    found.sort(key=lambda planned: planned.number)
    return Plan(name, versions[0].dataset_day, min(each.created_at for each in versions), tuple(found))


def require_same(plan: Plan, configurations: Sequence[Configuration], day: str | None) -> None:
    """Refuse to go on with a sweep whose file, model files or day are others than those that it was planned with.

    Raises:
        NotASweep: They are.
    """
    if day is not None and day != plan.dataset_day:
        raise NotASweep(
            f"The sweep {plan.name} was planned on the dataset of {plan.dataset_day}, not of {day}. Choose another "
            f"--name."
        )
    planned = [(each.name, dict(each.settings)) for each in plan.configurations]
    asked = [(each.name, recorded_settings(each.settings)) for each in configurations]
    differing = [number for number, pair in enumerate(zip(planned, asked, strict=False)) if pair[0] != pair[1]]
    if differing or len(planned) != len(asked):
        first = f", first in number {differing[0]}" if differing else ""
        raise NotASweep(
            f"The sweep {plan.name} was planned with other configurations ({plan.of} beside the base; now "
            f"{len(asked) - 1}{first}). Choose another --name for these."
        )


def planned_for(store: ArtifactStore, version: str) -> tuple[Plan, Planned] | None:
    """The plan that gave a version its configuration; None: no sweep did. A plan that can't be read is passed over."""
    for name in _sweeps_around(store, version):
        try:
            plan = read_plan(store, name)
        except (ArtifactError, NotASweep):
            continue
        for each in plan.configurations if plan else ():
            if plan and each.version == version:
                return plan, each
    return None


def _key_of(plan: Plan) -> str:
    numbers = [_number(each.version) or 0 for each in plan.configurations]
    return f"v{min(numbers)}.v{max(numbers)}.{plan.name}"


def _sweeps_around(store: ArtifactStore, version: str) -> list[str]:
    """The names of the sweeps whose versions begin at or before this one and end at or after it; rarely two."""
    wanted, found = _number(version), []
    for key in store.keys(VERSIONS) if wanted is not None else ():
        first, _, rest = key.partition(".")
        last, _, name = rest.partition(".")
        ends = _number(first), _number(last)
        if None not in ends and ends[0] <= wanted <= ends[1]:  # type: ignore[operator]
            found.append(name)
    return found


def _number(version: str) -> int | None:
    """None: it is no version."""
    return int(version[1:]) if re.fullmatch(r"v[0-9]{1,18}", version) else None
