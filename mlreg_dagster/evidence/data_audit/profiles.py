"""What the values of a column are: range, quantiles, histogram, weeks, and those that a rule forbids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.evidence.data_audit import reading
from mlreg_dagster.evidence.data_audit.facts import Histogram, Profile, Week
from mlreg_dagster.evidence.data_audit.reading import Period
from mlreg_dagster.monitoring.drift.statistics.effects import EFFECTS, effects
from mlreg_dagster.monitoring.sketches.bins import BINS, Bins, count_by
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
    profiles = {}
    for frame in reading.numbers(tables, table, of_numbers, period):
        at = frame["at"].to_numpy(dtype=np.int64) if "at" in frame else np.zeros(len(frame), np.int64)
        for name in frame.columns.drop("at", errors="ignore"):
            profiles[name] = _of_numbers(table, name, at, frame[name].to_numpy(dtype=np.float64), whole)
    for name in names:
        yield profiles[name] if name in profiles else _of_values(tables, table, name, rows, period)


def _of_numbers(table: Table, name: str, at: Hours, values: Values, whole: tuple[int, int] | None) -> Column:
    known = ~np.isnan(values)
    checks = table.columns[name].checks or (_FINITE,)
    broken = tuple(_broken(name, checks, values[known], at[known]))
    bad = np.zeros(len(values), dtype=bool)
    for check in checks:
        bad[known] |= ~np.asarray(check.holds(pd.Series(values[known])), dtype=bool)
    finite = values[np.isfinite(values)]
    profile = Profile(
        name,
        table.sql_type(name),
        rows=len(values),
        nulls=int((~known).sum()),
        infinite=int(np.isinf(values).sum()),
        impossible=int(bad.sum()),
        weeks=() if whole is None else tuple(weeks_of(at, values, *whole)),
    )
    return Column(_with_numbers(profile, finite), broken)


def _broken(name: str, checks: Sequence[Check], values: Values, at: Hours) -> Iterator[Broken]:
    for check in checks:
        bad = ~np.asarray(check.holds(pd.Series(values)), dtype=bool)
        if bad.any():
            example = f"{values[bad][0]:.6g}"
            yield Broken(name, check.error, int(bad.sum()), example, np.unique(at[bad]))


def _with_numbers(profile: Profile, finite: Values) -> Profile:
    """The profile with the numbers that only finite values have."""
    if not len(finite):
        return profile
    ordered = np.sort(finite)
    quantiles = np.quantile(ordered, list(QUANTILES.values()))
    return replace(
        profile,
        least=float(ordered[0]),
        quantiles=dict(zip(QUANTILES, quantiles.tolist(), strict=True)),
        most=float(ordered[-1]),
        mean=float(finite.mean()),
        deviation=float(finite.std(ddof=1)) if len(finite) > 1 else None,
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


def weeks_of(at: Hours, values: Values, first: int, last: int) -> Iterator[Week]:
    """The whole weeks of a column, counted back from its last hour, each against the one before.

    Args:
        at: The hour of each row, since 1970.
        values: Of each row; NaN: not known.
        first: The first hour of the table in the period.
        last: The last one.
    """
    number = (last + 1 - first) // WEEK_HOURS
    begin = last + 1 - number * WEEK_HOURS
    inside = (at >= begin) & (at <= last)
    week, own = (at[inside] - begin) // WEEK_HOURS, np.where(np.isinf(values), np.nan, values)[inside]
    known = own[~np.isnan(own)]
    if not number or not len(known):
        return
    edges = np.quantile(known, np.arange(1, BINS) / BINS)[None, :]
    counted, nulls = count_by(own[:, None], week, number, edges)
    counts, rows = counted[:, 0], np.bincount(week, minlength=number)
    bins = Bins(("values",), edges, counts.sum(axis=0)[None, :], nulls.sum(axis=0))
    sums = np.bincount(week, weights=np.nan_to_num(own), minlength=number)
    sizes = effects(counts[:-1], counts[1:])
    for place in range(number):
        values_there = int(counts[place].sum())
        compared = place > 0 and min(values_there, int(counts[place - 1].sum())) >= LEAST_VALUES
        yield Week(
            first=time_of(begin + place * WEEK_HOURS),
            rows=int(rows[place]),
            nulls=int(nulls[place, 0]),
            mean=float(sums[place] / values_there) if values_there else None,
            location=float(counts[place] @ bins.ranks[0] / values_there) if values_there else None,
            spread=float(counts[place] @ bins.spreads[0] / values_there) if values_there else None,
            psi=float(sizes[place - 1, EFFECTS.index("psi")]) if compared else None,
            ks=float(sizes[place - 1, EFFECTS.index("ks")]) if compared else None,
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
        failed = ~np.asarray(check.holds(column), dtype=bool)
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
