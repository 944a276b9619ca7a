"""A small market with its frozen datasets, and models trained on them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from mlreg_dagster.config import DatasetSettings, FeatureSettings, InjectionSettings, ModelSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.datasets.windows import windows_of
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.training import train
from mlreg_dagster.storage.artifacts import ArtifactStore, open_artifacts
from mlreg_dagster_tests.market.frames import random_market

DAY = "2020-01-12"
DAY_ENDS = as_hour(DAY) + pd.Timedelta(days=1)
LOOKBACK = 168
FEATURES = FeatureSettings()
DATASETS = DatasetSettings(history_hours=96, min_training_hours=10, min_holdout_hours=3)
INJECTION = InjectionSettings(rounds=2)

DETECTORS: tuple[str, ...] = get_args(ModelSettings.model_fields["detector"].annotation)
_PARAMS: dict[str, dict[str, Any]] = {"isolation_forest": {"n_estimators": 25}}


@dataclass(frozen=True)
class World:
    """A store with the frozen datasets of DAY, as loaded from it."""

    store: ArtifactStore
    training: Dataset
    holdout: Dataset

    def train(self, detector: str = "isolation_forest", version: str = "v1", **changes: Any) -> Model:
        return train(version, self.training, DAY_ENDS, settings_of(detector, **changes))


def settings_of(detector: str, **changes: Any) -> ModelSettings:
    """Settings with which a detector trains quickly; one that is new trains with its defaults."""
    return ModelSettings(**{"detector": detector, "params": _PARAMS.get(detector, {}), "contamination": 0.1, **changes})


def market_of(instruments: int = 10, **options: Any) -> pd.DataFrame:
    """Twelve days of a random market, up to the end of DAY."""
    return random_market(11, length=288, instruments=instruments, **options)


def build_world(folder: Path, market: pd.DataFrame | None = None, settings: DatasetSettings = DATASETS) -> World:
    """Compute, freeze and load the datasets of DAY."""
    store = open_artifacts(str(folder))
    market = market_of() if market is None else market
    windows = windows_of(as_hour(DAY), settings)
    hours = hour_range(windows.training.first, windows.holdout.end - HOUR)
    features = compute_features(market, hours, FEATURES, LOOKBACK)
    rows = freezing.select_training_rows(features, windows.training, settings)
    lineage = freezing.describe_lineage(rows, windows.training, features, FEATURES)
    freezing.freeze(store, freezing.TRAINING, DAY, rows, lineage)
    rows = freezing.select_holdout_rows(features, windows.holdout, settings)
    lineage = freezing.describe_lineage(rows, windows.holdout, features, FEATURES)
    behind = market[market["hour"].between(windows.holdout.first - LOOKBACK * HOUR, windows.holdout.end - HOUR)]
    freezing.freeze(store, freezing.HOLDOUT, DAY, rows, lineage, behind.reset_index(drop=True))
    training, holdout = (freezing.load(store, kind, DAY) for kind in (freezing.TRAINING, freezing.HOLDOUT))
    return World(store, training, holdout)


def with_manifest(model: Model, **changes: Any) -> Model:
    """The same pipelines with other words in the manifest."""
    return replace(model, manifest={**model.manifest, **changes})


def with_rows(dataset: Dataset, rows: pd.DataFrame) -> Dataset:
    return replace(dataset, rows=rows.reset_index(drop=True))
