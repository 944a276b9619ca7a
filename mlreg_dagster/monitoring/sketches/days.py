"""Statistics of a day from the sums of its hours: where the values of a feature lie, and how far apart.

The unit is the day: rows of an hour, and hours of a day, move together, so they are not samples of their own.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.core.hours import hours_since_epoch

Numbers = NDArray[np.float64]

LOCATION, SPREAD = 0, 1
"""Along the last axis of a statistic: mean rank, and mean |2 rank - 1|, among the reference's training rows."""

STATISTICS = ("location", "spread")


@dataclass(frozen=True)
class HourlySums:
    """What each hour of consecutive days adds.

    Attributes:
        days: The days, midnights UTC.
        names: Of the features.
        rows: days x 24: rows of the market in the hour; 0: none, or the hour was not counted.
        known: days x 24 x features: rows with a value.
        sums: days x 24 x features x 2: the sums of the ranks and of the spreads of these rows.
    """

    days: pd.DatetimeIndex
    names: tuple[str, ...]
    rows: Numbers
    known: Numbers
    sums: Numbers


def hourly_sums(sketches: pd.DataFrame, days: pd.DatetimeIndex, names: tuple[str, ...]) -> HourlySums:
    """Put rows of FEATURE_SKETCH on a grid.

    Args:
        sketches: hour, feature, rows, nulls, rank_sum and spread_sum, under one reference.
        days: Consecutive days; hours outside are left out.
        names: Of the features; others are left out.
    """
    feature = pd.Index(names).get_indexer(pd.Index(sketches["feature"]))
    hour = hours_since_epoch(sketches["hour"]) - hours_since_epoch(days[:1])[0]
    inside = (feature >= 0) & (hour >= 0) & (hour < 24 * len(days))
    at = (hour[inside], feature[inside])
    kept = sketches.loc[inside, ["rows", "nulls", "rank_sum", "spread_sum"]].to_numpy(dtype=np.float64)
    by_hour = np.zeros((24 * len(days), len(names), 4))
    by_hour[at] = kept
    grid = by_hour.reshape(len(days), 24, len(names), 4)
    rows = grid[..., 0].max(axis=2, initial=0)
    return HourlySums(days, names, rows, grid[..., 0] - grid[..., 1], grid[..., 2:])


def day_statistics(hours: HourlySums, of_hours: NDArray[np.bool_] | None = None) -> Numbers:
    """The statistics of each day.

    Args:
        hours: The sums.
        of_hours: Which of the 24 hours count; None: all that have rows.

    Returns:
        days x features x 2; NaN where no row has a value.
    """
    chosen = slice(None) if of_hours is None else of_hours
    known = hours.known[:, chosen].sum(axis=1)[..., None]
    sums = hours.sums[:, chosen].sum(axis=1)
    return np.asarray(np.divide(sums, known, out=np.full_like(sums, np.nan), where=known > 0))
