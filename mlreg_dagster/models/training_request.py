"""Resolves a training request, settings and dataset, before anything is made."""

from collections.abc import Mapping
from typing import Any

from mlreg_dagster.config import ModelSettings, Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets import freezing
from mlreg_dagster.models.detectors.names import CRASH_CLASSIFIER
from mlreg_dagster.storage.artifacts import ArtifactStore


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


def settings_of(settings: Settings, model: str, overrides: Mapping[str, Any]) -> ModelSettings:
    """The settings to train with, once a detector can be made from them.

    Raises:
        ConfigError: There is no such file, or an override or a parameter of the detector is wrong.
    """
    from mlreg_dagster.models.detectors.making import make_pipeline

    chosen = settings.model(model).override(overrides, f"run config, over {model}.yaml")
    make_pipeline(chosen)
    return chosen
