"""Resolves a training request: settings, dataset, and why it is trained, before anything is made."""

from collections.abc import Mapping
from typing import Any

from mlreg_dagster.config import ModelSettings, Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets import freezing
from mlreg_dagster.models.detectors.names import CRASH_CLASSIFIER
from mlreg_dagster.registry import InvalidRecord
from mlreg_dagster.registry.names import checked_reason
from mlreg_dagster.storage.artifacts import ArtifactStore

TRIGGERS = ("schedule", "performance", "drift", "volume", "manual")
"""By what a training can be started."""

CAUSE_TAG, TRIGGER_TAG = "mlreg/cause", "mlreg/trigger"
"""Of a run that trains: the key of its cause, and by what it was started."""

_SENSOR_TAG = "dagster/sensor_name"
_OF_AUTOMATION = frozenset({"performance", "drift", "volume"})


class NotACause(MlregError):
    """A training that does not say as it should why it is started."""


class NoDataset(MlregError):
    """There is no such frozen dataset to train on."""


def place_order(
    settings: Settings,
    store: ArtifactStore,
    *,
    model: str = "model",
    dataset: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> tuple[ModelSettings, str]:
    """The settings to train with, and the day of the dataset.

    Args:
        settings: The configuration.
        store: Where datasets are frozen.
        model: Config file, without .yaml.
        dataset: A day; None = the newest frozen.
        overrides: Values that replace those of the file.

    Raises:
        ConfigError: There is no such file, or an override or a parameter of the detector is wrong.
        NoDataset: Nothing is frozen for that day, or at all.
        CannotLearn: The detector learns from labels, and those of the dataset can't be used.
    """
    chosen = settings_of(settings, model, overrides or {})
    days = store.keys(freezing.TRAINING)
    if not days:
        raise NoDataset(
            "No training dataset is frozen yet. Materialize training_dataset and eval_holdout for a day whose week of "
            "market_features is there."
        )
    if dataset is not None and dataset not in days:
        raise NoDataset(f"No training dataset is frozen for {dataset!r}. Frozen days: {', '.join(days)}.")
    day = dataset or days[-1]
    if chosen.detector == CRASH_CLASSIFIER:
        from mlreg_dagster.models.classifier.labels import require_labels

        require_labels(freezing.load(store, freezing.TRAINING, day), settings.outcomes)
    return chosen, day


def stated_cause(
    trigger: str | None, key: str | None, reason: str | None, run_id: str, tags: Mapping[str, str]
) -> dict[str, str] | None:
    """Why a version is trained, as its manifest keeps it; None: on schedule, or by hand without a reason.

    Args:
        trigger: One of TRIGGERS; None: `manual` where there is a reason, else `schedule`.
        key: Names the cause, which has one training. A manual one is named after its run.
        reason: Why, for people.
        run_id: The run that trains.
        tags: Of that run, which tell whether a sensor started it.

    Raises:
        NotACause: An unknown trigger, one that is automation's, or no reason.
    """
    trigger = trigger or ("manual" if reason else "schedule")
    if trigger not in TRIGGERS:
        raise NotACause(f"trigger: {trigger!r} is none of {', '.join(TRIGGERS)}. A person's is manual, with a reason.")
    if trigger == "schedule":
        if key or reason:
            raise NotACause("A training on schedule has no cause. Leave cause and reason out, or choose manual.")
        return None
    if trigger in _OF_AUTOMATION and _SENSOR_TAG not in tags:
        raise NotACause(f"{trigger} is for runs of sensors only. A person's trigger is manual, with a reason.")
    try:
        text = checked_reason(reason or "")
    except InvalidRecord as error:
        raise NotACause(f"A training that is not on schedule says why. {error}") from error
    if trigger == "manual":
        key = f"manual-{run_id[:8]}"
    if not key:
        raise NotACause(f"A training by {trigger} names its cause.")
    return {"trigger": trigger, "key": key, "reason": text}


def settings_of(settings: Settings, model: str, overrides: Mapping[str, Any]) -> ModelSettings:
    """The settings to train with, once a detector can be made from them.

    Raises:
        ConfigError: There is no such file, or an override or a parameter of the detector is wrong.
    """
    from mlreg_dagster.models.detectors.making import make_pipeline

    chosen = settings.model(model).override(overrides, f"run config, over {model}.yaml")
    make_pipeline(chosen)
    return chosen
