"""Bins and sketches on record: read, and made where they are missing."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mlreg_dagster.core.hours import chunked, hour_range
from mlreg_dagster.datasets.freezing import TRAINING, load
from mlreg_dagster.models.manifests import start_up_in
from mlreg_dagster.monitoring.names import SCORE
from mlreg_dagster.monitoring.sketches.bins import Bins, cut
from mlreg_dagster.monitoring.sketches.counting import bins_in, rows_of_bins, sketches_of
from mlreg_dagster.monitoring.sketches.references import Reference
from mlreg_dagster.monitoring.sketches.schema import FEATURE_SKETCH, SKETCH_BINS
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.tables import Table
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

SUMS = ("hour", "reference", "feature", "rows", "nulls", "rank_sum", "spread_sum")
"""What is read of sketches where counts by bin are not needed."""


def bins_of(tables: Warehouse, store: ArtifactStore, reference: Reference, names: tuple[str, ...]) -> Bins:
    """The bins of a reference; cut from its training dataset when they are needed first.

    Raises:
        ArtifactMissing, ArtifactTampered: They are needed first, and the dataset is not there, or not what was frozen.
    """
    stored = tables.read(SKETCH_BINS, reference.name, reference.name)
    if set(stored["feature"]) == set(names):
        return bins_in(stored.set_index("feature").loc[list(names)].reset_index())
    rows = load(store, TRAINING, reference.day, reference.sha256).rows
    bins = cut(names, rows.reindex(columns=list(names)).to_numpy(dtype=np.float64))
    tables.write(SKETCH_BINS, rows_of_bins(bins, reference.name), [reference.name])
    return bins


def score_bins(registry: Registry, version: str) -> Bins | None:
    """The bins of a version's training scores; None: its manifest does not remember them."""
    start = start_up_in(registry.version(version).manifest)
    return None if start is None else cut((SCORE,), start.quantiles[:, None])


def score_sketches(predictions: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Count the scores of champions, each in the bins of its own training scores.

    Args:
        predictions: hour, model_version and score of the champions' predictions.
        registry: Where the training scores are.
    """
    found = [FEATURE_SKETCH.empty()]
    for version, rows in predictions.groupby("model_version"):
        bins = score_bins(registry, str(version))
        if bins is not None:
            found.append(sketches_of(rows[["hour", SCORE]], bins, str(version)))
    return joined(found)


def joined(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Rows of FEATURE_SKETCH together, ordered by key."""
    frames = [part.astype({"reference": "str", "feature": "str"}) for part in parts if len(part)]
    if not frames:
        return FEATURE_SKETCH.empty()
    return pd.concat(frames, ignore_index=True).sort_values(list(FEATURE_SKETCH.key), ignore_index=True)


def complete(
    tables: Warehouse,
    features: Table,
    bins: Bins,
    reference: Reference,
    first: pd.Timestamp,
    last: pd.Timestamp,
    chunk_hours: int,
) -> int:
    """Count the hours that have features and were not counted under a reference.

    Args:
        tables: Where features and sketches are.
        features: The table of features.
        bins: Of the reference.
        reference: Whose they are.
        first: The first hour.
        last: The last one.
        chunk_hours: How many are held in memory at once.

    Returns:
        How many hours were counted.
    """
    there = tables.partitions(features, first, last)
    counted = _hours_under(tables, reference, first, last)
    missing = there.difference(counted)
    if missing.empty:
        return 0
    for chunk in chunked(hour_range(missing[0], missing[-1]), chunk_hours):
        wanted = missing[missing.isin(chunk)]
        if wanted.empty:
            continue
        rows = tables.read(features, chunk[0], chunk[-1], columns=["hour", *bins.names])
        new = sketches_of(rows[rows["hour"].isin(wanted)], bins, reference.name)
        kept = tables.read(FEATURE_SKETCH, chunk[0], chunk[-1])
        tables.write(FEATURE_SKETCH, joined([kept[kept["hour"].isin(wanted)], new]), wanted)
    return len(missing)


def _hours_under(tables: Warehouse, reference: Reference, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    tables.newest(FEATURE_SKETCH)  # the table is there from now on
    sql = f"SELECT DISTINCT hour FROM {FEATURE_SKETCH.name} WHERE reference = $name AND hour BETWEEN $first AND $last"  # noqa: S608
    found = tables.query(sql, {"name": reference.name, "first": first, "last": last})
    return pd.DatetimeIndex(found["hour"]).sort_values()
