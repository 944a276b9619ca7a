"""What a version was trained on against what it scores now: periods, regimes, instruments, ranges of features."""

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets import freezing
from mlreg_dagster.evidence.card.contents.contents import Coverage
from mlreg_dagster.evidence.card.contents.regimes import hours_by_regime
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_WEEK = 168


def coverage_of(
    version: ModelVersion, store: ArtifactStore, tables: Warehouse, settings: Settings, regimes: "pd.Series[str]"
) -> Coverage | None:
    """The training rows of a version against the newest week of features.

    Args:
        version: Which one.
        store: Where its dataset is.
        tables: Where the features are.
        settings: Those that the graph computes features with.
        regimes: Of the hours of the stored market.

    Returns:
        None where there are no features, or the dataset can't be read: what is wrong with it is told elsewhere.
    """
    table = features_table(settings.features)
    try:
        dataset = freezing.load(store, freezing.TRAINING, version.dataset_day, version.dataset_sha256)
        last = tables.newest(table)
    except MlregError:
        return None
    if last is None:
        return None
    first = last - (_WEEK - 1) * HOUR
    same = dataset.lineage["feature_settings"] == settings.features.model_dump(mode="json")
    features = [str(name) for name in version.manifest["features"]] if same else []
    week = tables.read(table, first, last, columns=["hour", "instrument_id", *features])
    known, now = set(dataset.rows["instrument_id"]), set(week["instrument_id"])
    outside = _outside(week[features], dataset.rows[features])
    by_feature = outside.mean().sort_values(ascending=False)
    hours = pd.DatetimeIndex(dataset.rows["hour"].unique())
    return Coverage(
        first=first,
        last=last,
        hours_by_regime={
            "market": hours_by_regime(regimes, pd.DatetimeIndex(regimes.index)),
            "training": hours_by_regime(regimes, hours),
            "week": hours_by_regime(regimes, pd.DatetimeIndex(week["hour"].unique())),
        },
        instruments=len(known),
        instruments_now=len(now),
        unknown_now=sorted(now - known),
        rows=len(week) if same else 0,
        outside=int(outside.any(axis=1).sum()),
        outside_by_feature={str(name): float(share) for name, share in by_feature.items() if share > 0},
    )


def _outside(rows: pd.DataFrame, training: pd.DataFrame) -> pd.DataFrame:
    """Where rows lie outside of the range of the training rows; an unknown value lies nowhere."""
    return (rows < training.min()) | (rows > training.max())
