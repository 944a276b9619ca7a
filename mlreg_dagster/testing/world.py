"""A small market with its frozen datasets, and models trained on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pandas as pd

from mlreg_dagster.config import DatasetSettings, FeatureSettings, InjectionSettings, ModelSettings, OutcomeSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.datasets.labels import LABELS, describe_labels, label_rows, select_rows_to_label
from mlreg_dagster.datasets.windows import Window, labelled_window, windows_of
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.rounds import PlantedRound, plant_anomalies
from mlreg_dagster.models.training import train
from mlreg_dagster.storage.artifacts import ArtifactStore, open_artifacts
from mlreg_dagster.testing.market import random_market

DAY = "2020-01-12"
DAY_ENDS = as_hour(DAY) + pd.Timedelta(days=1)
LOOKBACK = 168
FEATURES = FeatureSettings()
DATASETS = DatasetSettings(history_hours=96, min_training_hours=10, min_holdout_hours=3)
INJECTION = InjectionSettings(seeds=2)
OUTCOMES = OutcomeSettings(crash_pct=-4.0)
LABEL_DAYS = 9


@dataclass(frozen=True)
class World:
    """A store with the frozen datasets of DAY, as loaded from it."""

    store: ArtifactStore
    training: Dataset
    holdout: Dataset

    def train(self, settings: ModelSettings, version: str = "v1") -> Model:
        """Train on the training dataset."""
        return train(version, self.training, DAY_ENDS, settings)


def build_world(
    folder: Path,
    market: pd.DataFrame | None = None,
    settings: DatasetSettings = DATASETS,
    features: FeatureSettings = FEATURES,
) -> World:
    """Compute, freeze and load the datasets of DAY.

    Args:
        folder: Where the store is made.
        market: Snapshots of twelve days; None: random ones.
        settings: Windows.
        features: Lags, windows and plug-ins' features.
    """
    store = open_artifacts(str(folder))
    market = random_market(11, length=288, instruments=10) if market is None else market
    windows = windows_of(as_hour(DAY), settings)
    hours = hour_range(windows.training.first, windows.holdout.end - HOUR)
    rows = compute_features(market, hours, features, LOOKBACK)
    chosen = freezing.select_training_rows(rows, windows.training, settings)
    lineage = freezing.describe_lineage(chosen, windows.training, rows, features)
    labelled, described = labelled_rows(windows.holdout, features)
    freezing.freeze(store, freezing.TRAINING, DAY, chosen, lineage | {LABELS: described}, labelled=labelled)
    chosen = freezing.select_holdout_rows(rows, windows.holdout, settings)
    lineage = freezing.describe_lineage(chosen, windows.holdout, rows, features)
    behind = market[market["hour"].between(windows.holdout.first - LOOKBACK * HOUR, windows.holdout.end - HOUR)]
    freezing.freeze(store, freezing.HOLDOUT, DAY, chosen, lineage, behind.reset_index(drop=True))
    training, holdout = (freezing.load(store, kind, DAY) for kind in (freezing.TRAINING, freezing.HOLDOUT))
    return World(store, training, holdout)


def labelled_rows(holdout: Window, features: FeatureSettings) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Labelled rows before a holdout of DAY, and what its lineage says of them.

    They are of a market of their own: the one of the other rows has too few crashes to learn from.
    """
    settings = DatasetSettings(label_days=LABEL_DAYS)
    window = labelled_window(as_hour(DAY), settings, OUTCOMES.horizon_hours)
    assert window is not None
    market = _labelled_market()
    rows = compute_features(market, window.hours, features, LOOKBACK)
    labelled = label_rows(select_rows_to_label(rows, window, settings, features), market, window, OUTCOMES)
    return labelled, describe_labels(labelled, rows, window, holdout, OUTCOMES)


@cache
def _labelled_market() -> pd.DataFrame:
    return random_market(12, length=288, instruments=80)


@cache
def shared_world() -> World:
    """One world for all suites of a process: datasets are frozen, so sharing them is safe."""
    return build_world(Path(mkdtemp(prefix="mlreg-contract-")))


@cache
def shared_rounds() -> list[PlantedRound]:
    """Anomalies planted into the holdout of the shared world."""
    return plant_anomalies(shared_world().holdout, INJECTION, FEATURES, LOOKBACK)


def model_settings(detector: str, params: Mapping[str, Any], **changes: Any) -> ModelSettings:
    """Settings of a detector, by default with a contamination of 0.1."""
    return ModelSettings(**{"detector": detector, "params": dict(params), "contamination": 0.1, **changes})
