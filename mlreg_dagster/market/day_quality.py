"""The quality of the stored market day by day, and of each instrument within a day, as exact counts.

Limits, and what follows from them, are not here: datasets and drift have their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlreg_dagster.core.hours import HOUR

_DAY = pd.Timedelta(days=1)
_MOVE = "change_1h_pct"


@dataclass(frozen=True)
class DayQuality:
    """What was counted; every table has one row for each day that was asked for, also for one without rows.

    Attributes:
        days: By day: `rows`; `hours` that have rows; `thin_hours`, those with less than the asked share of the
            universe, without rows included; `universe_share`, the mean over the hours that have rows;
            `stale_hours`, from the end of the last hour with rows to the end of the day; `frozen_share`, of the
            instruments, whose price stood still for too long; `impossible`, prices that moved too far in an hour.
        nulls: By day and feature: the share of the rows that don't know it; NaN where there are no rows.
        lost: The share of the rows that lost it: their instrument knew it at an earlier hour and was observed in every
            hour that the feature looks back on, and it is null all the same. What a young market can't know yet, one
            that closes never knows on a Monday, and a gap leaves unknown is not lost.
        instruments: By day and instrument that has rows: `rows`; `lost`, the largest share of its rows that lost a
            feature, and `lost_feature`, which; `frozen_hours`, the longest time without any move; `impossible`.
    """

    days: pd.DataFrame
    nulls: pd.DataFrame
    lost: pd.DataFrame
    instruments: pd.DataFrame


def quality_of_days(
    features: pd.DataFrame,
    days: pd.DatetimeIndex,
    lookbacks: Mapping[str, int],
    universe: int,
    *,
    min_universe_share: float = 0.8,
    max_abs_change_1h_pct: float = 50.0,
    min_frozen_hours: int = 12,
) -> DayQuality:
    """Count what is wrong with the stored rows of some days.

    A row counts by itself and by earlier rows of its instrument, never by later ones: a day is judged alike however
    many days follow.

    Args:
        features: Rows of `market_features`. Days before the first of `days` say what was known before.
        days: The midnights, UTC, of the days.
        lookbacks: The features whose nulls count, to the hours that they look back; see `lookbacks_of`.
        universe: How many instruments an hour should have.
        min_universe_share: An hour with a smaller share of them is thin.
        max_abs_change_1h_pct: A larger move within an hour is impossible.
        min_frozen_hours: A price that does not move in so many consecutive hours of a day is frozen.
    """
    names = list(lookbacks)
    ids, labels = pd.factorize(features["instrument_id"], sort=True)
    order = np.lexsort((pd.DatetimeIndex(features["hour"]).asi8, ids))
    rows, ids = features[list(dict.fromkeys(["hour", _MOVE, *names]))].take(order), ids[order]
    first, every = _first_of_instrument(ids), np.ones(len(rows), dtype=bool)
    known = rows[names].notna().to_numpy(dtype=bool)
    unbroken = _unbroken_hours(rows["hour"], first, every) - 1  # before the row's own
    lost = ~known & _known_before(known, first) & (unbroken[:, np.newaxis] >= np.array(list(lookbacks.values())))
    moves = rows[_MOVE].to_numpy(dtype=np.float64)
    frozen = np.minimum(_unbroken_hours(rows["hour"], first, moves == 0), rows["hour"].dt.hour.to_numpy() + 1)
    day = days.get_indexer(pd.DatetimeIndex(rows["hour"]).floor("D"))
    asked = day >= 0
    day, lost, known = day[asked], lost[asked], known[asked]
    found, of_instrument = np.unique(day * len(labels) + ids[asked], return_inverse=True)
    counted = pd.DataFrame({"frozen_hours": frozen, "impossible": np.abs(moves) > max_abs_change_1h_pct})[asked]
    of_day, of_id = np.divmod(found, max(len(labels), 1))
    index = pd.MultiIndex.from_arrays([days[of_day], labels[of_id]], names=["day", "instrument_id"])
    instruments = _of_instruments(counted, lost, names, of_instrument).set_axis(index)
    return DayQuality(
        days=_of_days(rows["hour"][asked], instruments, days, universe, min_universe_share, min_frozen_hours),
        nulls=_shares(~known, names, day, days),
        lost=_shares(lost, names, day, days),
        instruments=instruments,
    )


def _shares(
    found: npt.NDArray[np.bool_], names: list[str], day: npt.NDArray[np.int64], days: pd.DatetimeIndex
) -> pd.DataFrame:
    """By day the share of its rows of which each column says yes; NaN without rows."""
    shares: pd.DataFrame = pd.DataFrame(found, columns=names).groupby(day).mean()
    return shares.reindex(range(len(days))).set_axis(days)


def _first_of_instrument(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each row, the first row of its instrument."""
    begins = np.diff(ids, prepend=-1) != 0
    return np.maximum.accumulate(np.where(begins, np.arange(len(ids)), 0)) if len(ids) else np.zeros(0, np.int64)


def _known_before(known: npt.NDArray[np.bool_], first: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Where an earlier row of the same instrument knows the feature."""
    before = np.zeros_like(known)
    if len(known):
        newest = np.maximum.accumulate(np.where(known, np.arange(len(known))[:, np.newaxis], -1), axis=0)
        before[1:] = newest[:-1] >= first[1:, np.newaxis]
    return before


def _unbroken_hours(
    hours: pd.Series, first: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """For each row, how many consecutive hours of its instrument up to it, its own included, are there and chosen."""
    goes_on = np.zeros(len(hours), dtype=bool)
    goes_on[1:] = (first[1:] == first[:-1]) & (hours.diff() == HOUR).to_numpy()[1:] & chosen[:-1]
    places = np.arange(len(hours))
    start = np.maximum.accumulate(np.where(chosen & ~goes_on, places, 0)) if len(hours) else places
    return np.where(chosen, places - start + 1, 0)


def _of_instruments(
    counted: pd.DataFrame, lost: npt.NDArray[np.bool_], names: Sequence[str], group: npt.NDArray[np.int64]
) -> pd.DataFrame:
    """One row for each group of rows: an instrument's on a day."""
    found = counted.groupby(group).agg(
        rows=("impossible", "size"), frozen_hours=("frozen_hours", "max"), impossible=("impossible", "sum")
    )
    sums = pd.DataFrame(lost.astype(np.int64)).groupby(group).sum().to_numpy()
    worst = sums.argmax(axis=1) if sums.size else np.zeros(len(found), dtype=np.int64)
    labels: Any = np.array([*names, ""], dtype=object)
    most = sums.max(axis=1, initial=0)
    return found.assign(lost=most / found["rows"], lost_feature=labels[np.where(most > 0, worst, len(names))])


def _of_days(
    hours: pd.Series,
    instruments: pd.DataFrame,
    days: pd.DatetimeIndex,
    universe: int,
    min_universe_share: float,
    min_frozen_hours: int,
) -> pd.DataFrame:
    by_hour = hours.value_counts()
    shares = by_hour / universe
    of_day = pd.DatetimeIndex(by_hour.index).floor("D")
    per_day = instruments.groupby(level="day")
    frozen = (instruments["frozen_hours"] >= min_frozen_hours).groupby(level="day").mean()
    newest = pd.Series(by_hour.index, index=of_day).groupby(level=0).max().reindex(days)
    found = pd.DataFrame(
        {
            "rows": by_hour.groupby(of_day).sum(),
            "hours": by_hour.groupby(of_day).size(),
            "thin_hours": 24 - (shares >= min_universe_share).groupby(of_day).sum(),
            "universe_share": shares.groupby(of_day).mean(),
            "frozen_share": frozen,
            "impossible": per_day["impossible"].sum(),
        },
        index=days,
    )
    stale = ((days + _DAY) - (pd.DatetimeIndex(newest) + HOUR)) / HOUR
    found["stale_hours"] = pd.Series(stale, index=days).fillna(24.0)
    nothing = {"rows": 0, "hours": 0, "thin_hours": 24, "universe_share": 0.0, "frozen_share": 0.0, "impossible": 0}
    return found.fillna(nothing).astype({"rows": int, "hours": int, "thin_hours": int, "impossible": int})
