"""Tries a change of configuration, features or detectors on a copy of the home, up to the checks of a release.

Everything goes through the graph's own jobs. The copy is thrown away; the home stays as it is.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mlreg_dagster import jobs
from mlreg_dagster.cli.progress import Advance
from mlreg_dagster.config import home_dir
from mlreg_dagster.config.places import ARTIFACTS, DAGSTER, LATEST, REGISTRY
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, as_hour, chunked, hour_range
from mlreg_dagster.datasets import freezing
from mlreg_dagster.governance.policy.in_force import Rules, differences, rules_now, rules_of
from mlreg_dagster.market.features.features import compute_features, features_table
from mlreg_dagster.market.features.newest import mirror_newest_features
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.operations.home_copy import copy_home
from mlreg_dagster.registry import Attribution
from mlreg_dagster.release.release import Candidate, check_release
from mlreg_dagster.release.steps import Release, Step, taken
from mlreg_dagster.runner import Runner
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.homes import DAGSTER_YAML, prepare_home
from mlreg_dagster.storage.mirror import Mirror

STEPS = 5
POLICY, DATASET, TRAINING = "policy", "dataset", "training"
_WHY = "a change is tried on a copy of the home"


class NothingToTry(MlregError):
    """The home has no dataset that a version could be trained on."""


@dataclass
class _Try:
    """A change on its copy.

    Attributes:
        runner: The graph on the copy.
        home: The copy.
        model: Config file of the version that is trained.
        actor: Requested by.
        day: Of the dataset.
        version: That was trained; the name is that of the copy alone.
    """

    runner: Runner
    home: Path
    model: str
    actor: str
    day: str = ""
    version: str = ""


def rehearse(model: str, actor: str, advance: Advance) -> Release:
    """Train and check what the checkout describes.

    Args:
        model: Config file without `.yaml`.
        actor: Requested by.
        advance: Gets each step before it begins, and its number.

    Raises:
        NotCopied, WarehouseBusy: The home can't be copied.
    """
    with tempfile.TemporaryDirectory(prefix="mlreg-rehearsal-") as name:
        copy = Path(name) / "home"
        advance("copy the home", 1)
        copy_home(home_dir(), copy)
        with _working_on(copy):
            tried = _Try(Runner(), copy, model, actor)
            return _taken(tried, advance)


def _taken(tried: _Try, advance: Advance) -> Release:
    steps = []
    for number, (name, step) in enumerate({POLICY: _policy, DATASET: _dataset, TRAINING: _training}.items(), 2):
        advance(name, number)
        steps.append(taken(name, lambda step=step: step(tried)))  # type: ignore[misc]
        if steps[-1].status != "passed":  # the next one builds on it
            holder = tried.runner.registry.holder(CHAMPION)
            return Release(tried.version or tried.model, holder.version if holder else None, tuple(steps))
    advance("release", STEPS)
    found = check_release(_candidate(tried), unapproved=True, rolled_out=False)
    return replace(found, steps=(*steps, *found.steps))


@contextmanager
def _working_on(copy: Path) -> Iterator[None]:
    """Let the variables name the copy, with a Dagster of its own, whatever storage the project's Dagster has."""
    names = ("MLREG_HOME", "DAGSTER_HOME", DAGSTER, REGISTRY, ARTIFACTS, LATEST)
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    dagster_home = copy / "dagster"
    private_files.make_folder(dagster_home)
    private_files.write(dagster_home / "dagster.yaml", DAGSTER_YAML.encode())
    try:
        os.environ["MLREG_HOME"] = str(copy)
        os.environ.update(prepare_home())
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)


def _policy(tried: _Try) -> Step:
    """Put the policy of the files in force on the copy, without the approvals that its adoption may take."""
    registry, files = tried.runner.registry, rules_of(tried.runner.settings)
    found = _differences(tried, files)
    if not found:
        return Step(POLICY, "passed", "The files say what is in force.", {"differences": []})
    record = registry.policies()[-1]
    by = Attribution(tried.actor, tried.runner.clock.now(), _WHY)
    registry.adopt_policy(
        files.content, by, expected_sha256=record.content_sha256, signature=None, permit=lambda *_: []
    )
    detail = f"Judged as if the files were in force: {'; '.join(found)}. They have to be adopted before a release."
    return Step(POLICY, "passed", detail, {"differences": found})


def _differences(tried: _Try, files: Rules) -> list[str]:
    return differences(rules_now(tried.runner.registry, files, tried.runner.clock.now()), files)


def _dataset(tried: _Try) -> Step:
    """Freeze the newest dataset again from features as the files describe them."""
    runner = tried.runner
    newest = freezing.newest_pair(runner.artifacts, runner.clock.now())
    if newest is None:
        raise NothingToTry("No dataset is frozen in this home. Materialize training_dataset and eval_holdout there.")
    tried.day = newest[0]
    hours = _compute_features(tried)
    aside = tried.home / "aside"
    aside.mkdir()
    for kind in (freezing.TRAINING, freezing.HOLDOUT):
        (tried.home / "artifacts" / kind / tried.day).rename(aside / kind)
    runner.run_partition(jobs.DATASETS, tried.day)
    lineage = freezing.load(runner.artifacts, freezing.TRAINING, tried.day).lineage
    figures = {"day": tried.day, "hours_computed_again": hours, "rows": lineage["rows"]}
    again = f"features of {hours} hours were computed again, for they are described otherwise" if hours else (
        "features are described as before"
    )  # fmt: skip
    return Step(DATASET, "passed", f"The dataset of {tried.day} has {lineage['rows']} rows; {again}.", figures)


def _compute_features(tried: _Try) -> int:
    """Compute all stored hours of features again, where they are described otherwise; gives their number."""
    runner, settings = tried.runner, tried.runner.settings
    tables, table, lookback = runner.warehouse, features_table(settings.features), settings.max_lookback_hours
    described = freezing.load(runner.artifacts, freezing.TRAINING, tried.day).lineage["feature_settings"]
    if described == settings.features.model_dump(mode="json"):
        return 0
    stored = tables.hours(table.name, as_hour("1970-01-01"), runner.clock.now())
    with tables.connect() as connection:
        connection.execute(f'DROP TABLE "{table.name}"')
    for chunk in chunked(hour_range(stored[0], stored[-1]), settings.ingest.hours_at_once):
        snapshots = tables.read(MARKET_SNAPSHOT, chunk[0] - lookback * HOUR, chunk[-1])
        tables.write(table, compute_features(snapshots, chunk, settings.features, lookback), chunk)
    mirror_newest_features(tables, table, Mirror(tried.home / "latest"))
    return len(stored)


def _training(tried: _Try) -> Step:
    runner = tried.runner
    order = {"model": tried.model, "dataset": tried.day, "actor": tried.actor, "trigger": "manual", "reason": _WHY}
    for version in runner.registry.versions():
        runner.add_version(version.version)
    tried.version = runner.retrain(order)
    registered = runner.registry.version(tried.version)
    figures = {"detector": registered.detector, "features": len(registered.manifest["features"])}
    detail = f"{tried.model} is {tried.version} on the copy: {registered.detector}, {figures['features']} features."
    return Step(TRAINING, "passed", detail, figures)


def _candidate(tried: _Try) -> Candidate:
    runner = tried.runner
    return Candidate(
        runner.registry.version(tried.version),
        runner.registry,
        runner.artifacts,
        tried.home,
        runner.settings,
        runner.settings.rollout.release,
        rules_of(runner.settings),
        Attribution(tried.actor, runner.clock.now(), _WHY),
    )
