"""Rows of sketches from rows of features or scores, and bins to and from their table. Reading tables is in `record`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.core.hours import hours_since_epoch
from mlreg_dagster.monitoring.sketches.bins import BINS, Bins, count_by
from mlreg_dagster.monitoring.sketches.schema import FEATURE_SKETCH, SKETCH_BINS


def sketches_of(rows: pd.DataFrame, bins: Bins, reference: str) -> pd.DataFrame:
    """Count rows by hour and bin.

    Args:
        rows: `hour` and a column for each feature of the bins.
        bins: Where values are cut.
        reference: Whose bins they are.

    Returns:
        Rows of FEATURE_SKETCH, for each hour that has rows, ordered by key.
    """
    if rows.empty:
        return FEATURE_SKETCH.empty()
    hours, group = np.unique(rows["hour"].to_numpy(), return_inverse=True)
    values = rows[list(bins.names)].to_numpy(dtype=np.float64)
    counts, nulls = count_by(values, group.astype(np.int64), len(hours), bins.edges)
    number, features = len(hours), len(bins.names)
    order = np.argsort(np.array(bins.names, dtype=object))
    frame = pd.DataFrame(
        {
            "hour": pd.DatetimeIndex(hours).repeat(features),
            "reference": pd.Categorical([reference]).repeat(number * features),
            "feature": pd.Categorical(np.tile(np.array(bins.names, dtype=object)[order], number)),
            "rows": np.bincount(group, minlength=number).repeat(features),
            "nulls": nulls[:, order].ravel(),
            "rank_sum": (counts * bins.ranks).sum(axis=-1)[:, order].ravel(),
            "spread_sum": (counts * bins.spreads).sum(axis=-1)[:, order].ravel(),
            "counts": as_texts(counts[:, order].reshape(-1, BINS)),
        }
    )
    frame["hour"] = frame["hour"].dt.tz_localize("UTC") if frame["hour"].dt.tz is None else frame["hour"]
    return frame.astype({"hour": "datetime64[us, UTC]", "counts": "str"})


def as_texts(counts: NDArray[np.int64]) -> list[str]:
    """Each row of numbers with commas between."""
    return [",".join(map(str, row)) for row in counts.tolist()]


def as_counts(texts: Sequence[str]) -> NDArray[np.int64]:
    """What `as_texts` wrote."""
    numbers = np.fromstring(",".join(texts), sep=",", dtype=np.int64) if len(texts) else np.zeros(0, np.int64)
    return numbers.reshape(len(texts), BINS)


def counts_of_days(sketches: pd.DataFrame, days: pd.DatetimeIndex, names: Sequence[str]) -> NDArray[np.int64]:
    """Days x features x BINS: the sums of the hours of each day, from rows of FEATURE_SKETCH."""
    day = (hours_since_epoch(sketches["hour"]) - hours_since_epoch(days[:1])[0]) // 24
    feature = pd.Index(names).get_indexer(pd.Index(sketches["feature"]))
    inside = (feature >= 0) & (day >= 0) & (day < len(days))
    sums = np.zeros((len(days), len(names), BINS), dtype=np.int64)
    np.add.at(sums, (day[inside], feature[inside]), as_counts(sketches.loc[inside, "counts"].tolist()))
    return sums


def rows_of_bins(bins: Bins, reference: str) -> pd.DataFrame:
    """Bins as rows of SKETCH_BINS."""
    frame = pd.DataFrame(
        {
            "reference": reference,
            "feature": list(bins.names),
            "edges": [",".join(map(repr, row)) for row in bins.edges.tolist()],
            "counts": as_texts(bins.counts),
            "nulls": bins.nulls,
        }
    )
    return frame.astype(SKETCH_BINS.empty().dtypes.to_dict())


def bins_in(rows: pd.DataFrame) -> Bins:
    """What `rows_of_bins` wrote, in the order of the rows."""
    return Bins(
        tuple(rows["feature"]),
        np.array([[float(edge) for edge in text.split(",")] for text in rows["edges"]]).reshape(len(rows), BINS - 1),
        as_counts(rows["counts"].tolist()),
        rows["nulls"].to_numpy(dtype=np.int64),
    )
