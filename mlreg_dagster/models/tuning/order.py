"""What a study is asked to do, kept beside its material so that it can be gone on with in just that way."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mlreg_dagster.config import ConfigError, ModelSettings, Settings, TuningSettings
from mlreg_dagster.config.sections.tuning import Space
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets import freezing
from mlreg_dagster.models.training_request import place_order
from mlreg_dagster.models.tuning.record import study_names
from mlreg_dagster.models.tuning.space import space_of
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.artifacts.bundles import check_names

_FILE = "order.json"
_MAY_CHANGE = ("trials", "minutes", "jobs", "heartbeat_seconds", "grace_seconds")
"""Of the settings, what may be otherwise when a study goes on."""


class OtherStudy(MlregError):
    """A study of that name was begun in another way."""


@dataclass(frozen=True)
class Order:
    """What a study is asked to do.

    Attributes:
        name: Of the study.
        model: The model file, without `.yaml`.
        chosen: The settings of that file.
        dataset_day: Before whose holdout all hours of the study lie.
        dataset_sha256: Of its training dataset.
        tuning: Budgets, folds, seeds, weights.
        space: What is searched.
        judged_by: What else the figures depend on: planting, features, outcomes, quality.
        modules: Plug-ins that a process of its own loads.
    """

    name: str
    model: str
    chosen: ModelSettings
    dataset_day: str
    dataset_sha256: str
    tuning: TuningSettings
    space: Space
    judged_by: dict[str, Any]
    modules: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """In JSON values."""
        return {
            "name": self.name,
            "model": self.model,
            "chosen": self.chosen.model_dump(mode="json"),
            "dataset_day": self.dataset_day,
            "dataset_sha256": self.dataset_sha256,
            "tuning": self.tuning.model_dump(mode="json", exclude={"spaces"}),
            "space": {place: _brief(each.model_dump(mode="json")) for place, each in self.space.items()},
            "judged_by": self.judged_by,
            "modules": list(self.modules),
        }

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Back from `facts`."""
        tuning = TuningSettings().override(
            {**facts["tuning"], "spaces": {facts["chosen"]["detector"]: facts["space"]}}, "the order of a study"
        )
        chosen = ModelSettings().override(facts["chosen"], "the order of a study")
        known = {name: facts[name] for name in ("name", "model", "dataset_day", "dataset_sha256", "judged_by")}
        return cls(
            **known, chosen=chosen, tuning=tuning, space=tuning.spaces[chosen.detector], modules=tuple(facts["modules"])
        )


def place_study(
    settings: Settings,
    store: ArtifactStore,
    name: str | None = None,
    *,
    model: str = "model",
    dataset: str | None = None,
    budgets: Mapping[str, Any] | None = None,
) -> Order:
    """What a study will do, once it can be done.

    Args:
        settings: The configuration.
        store: Where datasets and studies are.
        name: Of the study; None: model, day and seed.
        model: Config file, without .yaml.
        dataset: A day; None = the newest frozen.
        budgets: Values that replace those of tuning.yaml: trials, jobs, minutes, seed.

    Raises:
        ConfigError: There is no such file or space, or a value is not allowed.
        NoDataset, CannotLearn: The dataset is not there, or has no labels for a classifier.
        InvalidArtifact: The name can't be one.
    """
    chosen, day = place_order(settings, store, model=model, dataset=dataset)
    tuning = settings.tuning.override({key: value for key, value in (budgets or {}).items() if value is not None})
    frozen = store.find(freezing.TRAINING, day)
    name = name or f"{model}-{day}-s{tuning.seed}"
    check_names(name)
    return Order(
        name=name,
        model=model,
        chosen=chosen,
        dataset_day=day,
        dataset_sha256="" if frozen is None else frozen.sha256,
        tuning=tuning,
        space=space_of(tuning, chosen),
        judged_by={
            "injection": settings.evaluation.injection.model_dump(mode="json", exclude={"seed", "seeds", "days"}),
            "comparison": settings.evaluation.comparison.model_dump(mode="json"),
            "features": settings.features.fingerprint,
            "outcomes": settings.outcomes.model_dump(mode="json", include={"horizon_hours", "target", "crash_pct"}),
            "quality": settings.datasets.quality.model_dump(mode="json"),
        },
        modules=tuple(settings.extensions.modules),
    )


def keep(order: Order, folder: Path, store: ArtifactStore) -> None:
    """Write the order into the folder of its study; one that is there must be the same, but for budgets.

    Raises:
        OtherStudy: A study of that name was begun in another way.
    """
    file = folder / _FILE
    if file.is_file():
        before, now = _compared(json.loads(file.read_bytes())), _compared(order.facts())
        if differing := sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key)):
            others = ", ".join(study_names(store)) or "none"
            raise OtherStudy(
                f"Study {order.name} was begun in another way (differing: {', '.join(differing)}). Go on with it as it "
                f"was begun, or begin another one: --study NAME. Finished studies: {others}."
            )
    private_files.make_folder(folder)
    part = folder / f"{_FILE}.part"
    private_files.write(part, json.dumps(order.facts(), indent=1).encode())
    part.replace(file)


def kept(folder: Path) -> Order:
    """The order in the folder of a study.

    Raises:
        ConfigError: It can't be read.
    """
    try:
        return Order.of_facts(json.loads((folder / _FILE).read_bytes()))
    except (OSError, ValueError, LookupError) as error:
        raise ConfigError(f"The order of the study in {folder} can't be read: {error}. Begin another study.") from error


def _compared(facts: dict[str, Any]) -> dict[str, Any]:
    tuning = {f"tuning.{key}": value for key, value in facts["tuning"].items() if key not in _MAY_CHANGE}
    return {**facts, "tuning": None, "modules": None, **tuning}


def _brief(dimension: dict[str, Any]) -> dict[str, Any]:
    """A dimension without what it leaves open."""
    return {key: value for key, value in dimension.items() if value not in (None, False, [], {})}
