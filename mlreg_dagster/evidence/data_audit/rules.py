"""When the numbers of a table are a finding, and the sentences that say so.

Wrong is what contradicts the table's description or another table. Unusual is held against the table's own other hours
and weeks: limits come from `ingest.yaml` and `datasets.yaml` where those have them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.evidence.data_audit.catalogue import is_of_time
from mlreg_dagster.evidence.data_audit.facts import Fault, Profile
from mlreg_dagster.evidence.data_audit.profiles import WEEK_HOURS, Broken, time_of
from mlreg_dagster.market.features.features import features_table, lookbacks_of
from mlreg_dagster.market.schema import CHANGES, MARKET_SNAPSHOT
from mlreg_dagster.storage.warehouse.tables import Table

PSI_LIMIT = 0.25
"""The population stability index above which credit scoring calls a population changed (Siddiqi, 2006)."""

PSI_TIMES_USUAL = 4.0
"""A week is unusual where its PSI is also this many times the median of the other weeks': quiet weeks differ, too."""

LEAST_PAIRS = 3
"""Other pairs of weeks without which nothing is known about what is usual."""

_LEAST_ROWS = 3  # a null burst of one or two instruments is a listing
_CONFIGURED = "Give the configuration back its values, or use another MLREG_HOME."


def schema(table: Table, stored: Mapping[str, str]) -> Iterator[Fault]:
    """Stored columns and types against the described ones; what a newer release adds is no fault."""
    lacking = table.lacking(stored)
    for name in stored.keys() - table.columns.keys():
        seen = f"{table.name} holds the column {name!r}, which no description knows."
        yield Fault(table.name, name, "schema", "wrong", seen, _CONFIGURED)
    for name in table.columns.keys() - stored.keys() - lacking.keys():
        yield Fault(table.name, name, "schema", "wrong", f"{table.name} lacks the column {name!r}.", _CONFIGURED)
    for name, kind in stored.items():
        if name in table.columns and kind != (asked := in_full(table.sql_type(name))):
            seen = f"{table.name}.{name} is stored as {kind}; described is {asked}."
            yield Fault(table.name, name, "schema", "wrong", seen, _CONFIGURED)


def in_full(sql_type: str) -> str:
    """A type as DuckDB spells it in its catalogue."""
    return sql_type.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")


def doubled(table: Table, rows: int, first: str) -> Iterator[Fault]:
    """Rows that repeat a key."""
    if rows:
        seen = f"{table.name} holds {rows:,} rows whose key is there already; the first is {first}."
        advice = f"Materialize those partitions of {table.name} again: a write replaces all rows of a partition."
        yield Fault(table.name, None, "duplicates", "wrong", seen, advice, rows=rows)


def forbidden(table: Table, found: Sequence[Broken]) -> Iterator[Fault]:
    """Values that the table's own rules forbid."""
    for each in found:
        where = spans(each.hours)
        seen = (
            f"{table.name}.{each.column} holds {each.rows:,} impossible values, such as {each.example}: it "
            f"{each.rule}{f'; {where}' if where else ''}."
        )
        yield Fault(table.name, each.column, "impossible", "wrong", seen, _again(table, each.hours), each.rows)


def broken_rules(table: Table, rule: str, at: Sequence[int]) -> Fault:
    """Rows that break a rule between columns, by their hours."""
    hours = np.unique(at)
    seen = f"{table.name} holds {len(at):,} rows in which {rule} does not hold; {spans(hours)}."
    return Fault(table.name, None, "impossible", "wrong", seen, _again(table, hours), len(at))


def nulls(table: Table, profiles: Sequence[Profile]) -> Iterator[Fault]:
    """Columns in which no value may be missing."""
    for each in profiles:
        if each.nulls and not table.columns[each.name].nullable:
            seen = f"{table.name}.{each.name} lacks {each.nulls:,} of {each.rows:,} values; none may be missing."
            advice = f"Materialize the partitions of {table.name} that lack them again."
            yield Fault(table.name, each.name, "null", "wrong", seen, advice, each.nulls)


def missing(table: Table, hours: Collection[int], why: str) -> Iterator[Fault]:
    """Hours of which a table should hold rows."""
    if hours:
        found = np.array(sorted(hours))
        seen = f"{table.name} lacks {len(found)} hours {why}: {spans(found)}."
        yield Fault(table.name, None, "missing", "wrong", seen, _again(table, found), partitions=len(found))


def ahead(table: Table, at: Sequence[int], now: datetime) -> Iterator[Fault]:
    """Rows of the future."""
    later = np.array([hour for hour in at if time_of(hour) > now], dtype=np.int64)
    if len(later):
        seen = f"{table.name} holds {len(later)} hours or days that have not come yet: {spans(later)}."
        advice = "Set the clock right; where it is right, mlreg prune --future sets them aside."
        yield Fault(table.name, None, "ahead", "wrong", seen, advice, partitions=len(later))


def late(table: Table, newest: int, now: datetime, settings: Settings) -> Iterator[Fault]:
    """A market whose newest hour is older than ingest.yaml allows; a market that has ended is none."""
    if settings.ingest.end is not None or table.name != MARKET_SNAPSHOT.name:
        return
    age = (now - time_of(newest)).total_seconds() / 3600 - 1
    most = settings.ingest.checks.max_age_hours
    if age > most:
        seen = f"The newest hour of {table.name} is {time_of(newest):%Y-%m-%d %H:%M}, {age:.0f} h ago; allowed are "
        advice = "Look whether the daemon and the hourly schedule run: mlreg doctor."
        yield Fault(table.name, None, "late", "unusual", f"{seen}{most} h.", advice)


def few_instruments(table: Table, by_hour: pd.DataFrame, settings: Settings) -> Iterator[Fault]:
    """Hours with far fewer rows than usual."""
    if table.name not in _market(settings) or by_hour.empty:
        return
    least = settings.ingest.checks.min_universe_share
    usual = by_hour["rows"].median()
    few = by_hour[by_hour["rows"] < least * usual]
    if len(few):
        hours = few["at"].to_numpy(dtype=np.int64)
        seen = (
            f"{table.name} has fewer than {least:.0%} of the usual {usual:.0f} rows in {len(few)} hours, the fewest "
            f"{int(few['rows'].min())}: {spans(hours)}."
        )
        advice = f"See whether the source had gaps. {_again(table, hours)}"
        yield Fault(table.name, None, "few_instruments", "unusual", seen, advice, partitions=len(few))


def null_bursts(
    table: Table, columns: Sequence[str], by_hour: pd.DataFrame, first: int, settings: Settings
) -> Iterator[Fault]:
    """Hours in which a column of the market has far more nulls than usual.

    Usual is the median over all hours; of a market that closes, over the same hours of the other weeks. Hours within a
    column's lookback from the first one stored on are left out, as nothing was known before.

    Args:
        table: Which.
        columns: Of it, that may hold nulls.
        by_hour: `at`, `rows`, and the rows with a value of each column.
        first: The first hour that the table holds.
        settings: How far features look back, and which the market can't know.
    """
    if table.name not in _market(settings) or by_hour.empty:
        return
    lookbacks = {**CHANGES, "volatility_7d_pct": WEEK_HOURS, **lookbacks_of(settings.features)}
    limit = settings.datasets.quality.max_null_share
    at, rows = by_hour["at"].to_numpy(dtype=np.int64), by_hour["rows"].to_numpy(dtype=np.float64)
    for name in columns:
        if name in settings.ingest.checks.unknown_features:
            continue
        share = pd.Series(1 - by_hour[name].to_numpy(dtype=np.float64) / rows)
        usual = share.groupby(at % WEEK_HOURS).transform("median") if _closes(settings) else share.median()
        burst = (share - usual > limit) & ((share - usual) * rows >= _LEAST_ROWS)
        hours = at[burst.to_numpy() & (at >= first + lookbacks.get(name, 0))]
        if len(hours):
            most = share[np.isin(at, hours)].max()
            seen = (
                f"{table.name}.{name} lacks up to {most:.0%} of its values in {len(hours)} hours; usual are "
                f"{share.median():.1%}: {spans(hours)}."
            )
            advice = f"See what the source gave for those hours. {_again(table, hours)}"
            yield Fault(table.name, name, "null_burst", "unusual", seen, advice, partitions=len(hours))


def shifts(table: Table, profiles: Sequence[Profile], settings: Settings) -> Iterator[Fault]:
    """Weeks in which a feature is distributed otherwise than in the week before, more so than its other weeks."""
    if table.name != features_table(settings.features).name:
        return
    for each in profiles:
        known = [week for week in each.weeks if week.psi is not None]
        for week in known:
            others = [other.psi for other in known if other is not week and other.psi is not None]
            if len(others) < LEAST_PAIRS or week.psi is None:
                continue
            usual = float(np.median(others))
            if week.psi > PSI_LIMIT and week.psi > PSI_TIMES_USUAL * usual:
                seen = (
                    f"{table.name}.{each.name} is distributed otherwise in the week from {week.first:%Y-%m-%d %H:%M} "
                    f"on than in the week before: its PSI is {week.psi:.2f}, usual are {usual:.2f}."
                )
                advice = "See /drift whether the day's state says so, too, and whether the source changed."
                yield Fault(table.name, each.name, "shift", "unusual", seen, advice, rows=week.rows)


def spans(hours: Sequence[int] | np.ndarray) -> str:
    """Hours since 1970 in words: one, or from which to which."""
    if not len(hours):
        return ""
    first, last = time_of(min(hours)), time_of(max(hours))
    return f"{first:%Y-%m-%d %H:%M}" if first == last else f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"


def _again(table: Table, hours: Sequence[int] | np.ndarray) -> str:
    if not len(hours) or not is_of_time(table):
        return f"Materialize {table.name} again."
    form = "%Y-%m-%d-%H:%M" if table.partition_column == "hour" else "%Y-%m-%d"
    keys = dict.fromkeys(f"{time_of(each):{form}}" for each in (min(hours), max(hours)))
    return f"Materialize {table.name} for {'...'.join(keys)} again."


def _market(settings: Settings) -> tuple[str, str]:
    return MARKET_SNAPSHOT.name, features_table(settings.features).name


def _closes(settings: Settings) -> bool:
    return settings.ingest.checks.allow_empty_hours
