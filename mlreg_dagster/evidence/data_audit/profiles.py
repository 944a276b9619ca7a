"""What the values of a column are: range, quantiles, histogram, weeks, and those that a rule forbids."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.evidence.data_audit import reading
from mlreg_dagster.evidence.data_audit.facts import Histogram, Profile, Week
from mlreg_dagster.evidence.data_audit.reading import Period
from mlreg_dagster.monitoring.drift.statistics.effects import EFFECTS, effects
from mlreg_dagster.monitoring.sketches.bins import BINS, Bins
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster.storage.warehouse.tables import FEW_TEXTS, Check, Table
from mlreg_dagster.storage.warehouse.tables import UTC as TIME

Values = NDArray[np.float64]
Hours = NDArray[np.int64]

QUANTILES = {"1 %": 0.01, "5 %": 0.05, "25 %": 0.25, "50 %": 0.5, "75 %": 0.75, "95 %": 0.95, "99 %": 0.99}
WEEK_HOURS = 168
LEAST_VALUES = 10 * BINS
"""Values of a week without which its distribution is not compared: ten a bin."""

_HISTOGRAM_BINS = 40
_COMMON = 8
_FINITE = Check(np.isfinite, error="must be a finite number")


@dataclass(frozen=True)
class Broken:
    """Values of a column that a rule forbids.

    Attributes:
        column: Which.
        rule: In words.
        rows: How many.
        example: One of them.
        hours: The hours that hold them, since 1970, ascending; of texts the first of each value alone.
    """

    column: str
    rule: str
    rows: int
    example: str
    hours: Hours


@dataclass(frozen=True)
class Column:
    """A column's profile, and what its rules forbid."""

    profile: Profile
    broken: tuple[Broken, ...]


@dataclass(frozen=True)
class Calendar:
    """The whole weeks of some rows, counted back from the last hour.

    Attributes:
        first: The hour that begins the first week, since 1970.
        number: How many weeks there are.
        week: Of each row the number of its week, from 0; `number` where it lies before the first one.
    """

    first: int
    number: int
    week: Hours

    @staticmethod
    def of(at: Hours, first: int, last: int) -> "Calendar":
        """The weeks of rows, by the hour of each; the hours of the table reach from `first` to `last`."""
        number = (last + 1 - first) // WEEK_HOURS
        begin = last + 1 - number * WEEK_HOURS
        return Calendar(begin, number, np.where(at < begin, number, (at - begin) // WEEK_HOURS))


def columns_of(
    tables: Tables, table: Table, names: Sequence[str], rows: int, period: Period, whole: tuple[int, int] | None
) -> Iterator[Column]:
    """The profiles of some columns.

    Args:
        tables: Where the table is.
        table: Which.
        names: Of the columns, all of which are stored.
        rows: How many rows the period has.
        period: Which rows.
        whole: The first and the last hour of the rows, since 1970, for weeks; None: the table is not one of hours.
    """
    of_numbers = [name for name in names if table.sql_type(name) in reading.NUMBERS]
    profiles: dict[str, Column] = {}
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for frame in reading.numbers(tables, table, of_numbers, period):
            at = frame["at"].to_numpy() if "at" in frame else np.zeros(len(frame), np.int64)
            calendar = None if whole is None else Calendar.of(at, *whole)
            some = list(frame.columns.drop("at", errors="ignore"))
            arrays = [frame[name].to_numpy(dtype=np.float64) for name in some]
            found = threads.map(partial(_of_numbers, table, at=at, calendar=calendar), some, arrays)
            profiles |= dict(zip(some, found, strict=True))
    for name in names:
        yield profiles[name] if name in profiles else _of_values(tables, table, name, rows, period)


def _of_numbers(table: Table, name: str, values: Values, *, at: Hours, calendar: Calendar | None) -> Column:
    known = ~np.isnan(values)
    checks = table.columns[name].checks or (_FINITE,)
    bad = np.zeros(len(values), dtype=bool)
    broken = []
    for check in checks:
        failed = known & ~np.asarray(check.holds(pd.Series(values)), dtype=bool)
        bad |= failed
        if failed.any():
            hours = np.unique(at[failed]).astype(np.int64)
            broken.append(Broken(name, check.error, int(failed.sum()), f"{values[failed][0]:.6g}", hours))
    finite = np.isfinite(values)
    ordered = np.sort(values[finite])
    profile = Profile(
        name,
        table.sql_type(name),
        rows=len(values),
        nulls=int((~known).sum()),
        infinite=int((known & ~finite).sum()),
        impossible=int(bad.sum()),
        weeks=() if calendar is None else tuple(weeks_of(values, finite, ordered, calendar)),
    )
    return Column(_with_numbers(profile, ordered), tuple(broken))


def _with_numbers(profile: Profile, ordered: Values) -> Profile:
    """The profile with the numbers that only finite values have; these in ascending order."""
    if not len(ordered):
        return profile
    quantiles = np.quantile(ordered, list(QUANTILES.values()))
    return replace(
        profile,
        least=float(ordered[0]),
        quantiles=dict(zip(QUANTILES, quantiles.tolist(), strict=True)),
        most=float(ordered[-1]),
        mean=float(ordered.mean()),
        deviation=float(ordered.std(ddof=1)) if len(ordered) > 1 else None,
        histogram=_histogram(ordered, float(quantiles[0]), float(quantiles[-1])),
    )


def _histogram(ordered: Values, low: float, high: float) -> Histogram:
    """Bins of equal width between the outer quantiles; where those are equal, between the extremes."""
    if low == high:
        low, high = float(ordered[0]), float(ordered[-1])
    below = int(np.searchsorted(ordered, low, side="left"))
    upto = int(np.searchsorted(ordered, high, side="right"))
    counts, _ = np.histogram(ordered[below:upto], bins=_HISTOGRAM_BINS, range=(low, high))
    return Histogram(low, high, tuple(counts.tolist()), below, len(ordered) - upto)


def weeks_of(values: Values, finite: NDArray[np.bool_], ordered: Values, calendar: Calendar) -> Iterator[Week]:
    """The whole weeks of a column, each against the one before.

    Args:
        values: Of each row.
        finite: Which of them are known and finite.
        ordered: These, ascending; their quantiles are the edges of the bins in which weeks are compared.
        calendar: The week of each row.
    """
    number, week = calendar.number, calendar.week
    if not number or not len(ordered):
        return
    edges = np.quantile(ordered, np.arange(1, BINS) / BINS)
    own, of_week = values[finite], week[finite]
    place = of_week * BINS + np.searchsorted(edges, own, side="right")
    counts = np.bincount(place, minlength=(number + 1) * BINS).reshape(number + 1, BINS)[:number]
    rows, known = np.bincount(week, minlength=number), counts.sum(axis=1)
    sums = np.bincount(of_week, weights=own, minlength=number)
    bins = Bins(("values",), edges[None, :], counts.sum(axis=0)[None, :], np.zeros(1, np.int64))
    sizes = effects(counts[:-1], counts[1:])
    for each in range(number):
        compared = each > 0 and min(known[each], known[each - 1]) >= LEAST_VALUES
        yield Week(
            first=time_of(calendar.first + each * WEEK_HOURS),
            rows=int(rows[each]),
            nulls=int(rows[each] - known[each]),
            mean=float(sums[each] / known[each]) if known[each] else None,
            location=float(counts[each] @ bins.ranks[0] / known[each]) if known[each] else None,
            spread=float(counts[each] @ bins.spreads[0] / known[each]) if known[each] else None,
            psi=float(sizes[each - 1, EFFECTS.index("psi")]) if compared else None,
            ks=float(sizes[each - 1, EFFECTS.index("ks")]) if compared else None,
        )


def _of_values(tables: Tables, table: Table, name: str, rows: int, period: Period) -> Column:
    """A column of texts, times or truth values, from its different values."""
    spec, found = table.columns[name], reading.values(tables, table, name, period)
    column = found["value"]
    if spec.dtype == FEW_TEXTS:
        column = column.astype("str").astype("category")
    elif spec.dtype == TIME:
        column = column.astype("datetime64[us, UTC]")
    elif spec.dtype is str:
        column = column.astype("str")
    broken, bad = [], np.zeros(len(found), dtype=bool)
    for check in spec.checks if len(found) else ():
        failed = ~np.broadcast_to(np.asarray(check.holds(column), dtype=bool), len(found))
        bad |= failed
        if failed.any():
            hours = np.unique(found.loc[failed, "at"].dropna().to_numpy(dtype=np.int64))
            example = str(column[failed].iloc[0])
            broken.append(Broken(name, check.error, int(found.loc[failed, "n"].sum()), example, hours))
    profile = Profile(
        name,
        table.sql_type(name),
        rows=rows,
        nulls=rows - int(found["n"].sum()),
        impossible=int(found.loc[bad, "n"].sum()),
        distinct=len(found),
        common=tuple((str(value), int(n)) for value, n in zip(column[:_COMMON], found["n"][:_COMMON], strict=True)),
    )
    return Column(profile, tuple(broken))


def time_of(hour: int) -> datetime:
    """An hour since 1970 as a time."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=int(hour))
