"""The audit: reads tables once, column by column, and says what they hold and what is wrong with it.

It changes nothing. What Dagster and the registry say about the tables is compared by `operations.doctor`.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.evidence.data_audit import reading, rules
from mlreg_dagster.evidence.data_audit.catalogue import every_table, is_of_time
from mlreg_dagster.evidence.data_audit.facts import DataAudit, Fault, Profile, TableAudit
from mlreg_dagster.evidence.data_audit.profiles import Column, columns_of, time_of
from mlreg_dagster.evidence.data_audit.reading import Period
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster.storage.warehouse.tables import Table


class UnknownTable(MlregError):
    """No table has that name."""


@dataclass(frozen=True)
class Scope:
    """What is audited.

    Attributes:
        first: From which hour on, UTC; None: from the first one stored.
        last: Up to which, included; None: up to the last one.
        tables: Names of tables; none: all.
        columns: Names of columns that are profiled; None: all.
        claimed: Hours that are said to be stored, by table: since 1970.
    """

    first: datetime | None = None
    last: datetime | None = None
    tables: Collection[str] = ()
    columns: Collection[str] | None = None
    claimed: Mapping[str, Collection[int]] | None = None


def audit_tables(tables: Tables, settings: Settings, scope: Scope, now: datetime) -> DataAudit:
    """Audit tables of the warehouse or of its mirror.

    Memory: a few columns of the period at once, 40 bytes a row.

    Args:
        tables: What is read.
        settings: What they are described by, and limits.
        scope: Which tables, columns and hours.
        now: The current time; rows of later hours are wrong.

    Raises:
        UnknownTable: The scope names a table that is not described.
    """
    chosen = tables_named(settings, scope.tables)
    audits, faults = [], []
    for table in chosen:
        found = _Audit(tables, table, settings, scope, now).run()
        audits.append(found[0])
        faults += found[1]
    ordered = sorted(faults, key=lambda each: each.state != "wrong")
    return DataAudit(min(scope.last or now, now), scope.first, tuple(audits), tuple(ordered))


def tables_named(settings: Settings, names: Collection[str]) -> list[Table]:
    """The tables of these names, or all.

    Raises:
        UnknownTable: There is none of a name.
    """
    known = {table.name: table for table in every_table(settings)}
    for name in names:
        if name not in known:
            raise UnknownTable(f"There is no table {name!r}. Name one of {', '.join(known)}.")
    return [known[name] for name in names or known]


@dataclass(frozen=True)
class _Audit:
    """The audit of one table."""

    tables: Tables
    table: Table
    settings: Settings
    scope: Scope
    now: datetime

    def run(self) -> tuple[TableAudit, list[Fault]]:
        """Its numbers, and what was found."""
        stored = reading.stored_columns(self.tables, self.table)
        if not stored:
            return TableAudit(self.table.name, is_there=False), []
        faults = list(rules.schema(self.table, stored))
        differing = {each.column for each in faults}
        fit = [name for name in self.table.columns if name in stored and name not in differing]
        if not set(self.table.key) <= set(fit):
            return TableAudit(self.table.name, is_there=True), faults
        period = Period(self.scope.first, self.scope.last)
        by_hour = self._by_hour(fit, period)
        rows = reading.rows_of(self.tables, self.table, period) if by_hour is None else int(by_hour["rows"].sum())
        repeated, example = reading.duplicates(self.tables, self.table, period)
        faults += rules.doubled(self.table, repeated, example)
        columns = list(self._columns(fit, rows, period, by_hour))
        profiles = tuple(each.profile for each in columns)
        faults += rules.forbidden(self.table, [broken for each in columns for broken in each.broken])
        faults += rules.nulls(self.table, profiles)
        faults += rules.shifts(self.table, profiles, self.settings)
        faults += self._between_columns(fit, period)
        if by_hour is not None and len(by_hour):
            faults += self._of_time(fit, by_hour, period)
        instruments = reading.instruments(self.tables, self.table, period)
        return self._numbers(rows, by_hour, repeated, instruments, profiles), faults

    def _by_hour(self, fit: list[str], period: Period) -> pd.DataFrame | None:
        if not is_of_time(self.table):
            return None
        nullable = [name for name in fit if self.table.columns[name].nullable]
        return reading.by_partition(self.tables, self.table, nullable, period)

    def _columns(self, fit: list[str], rows: int, period: Period, by_hour: pd.DataFrame | None) -> Iterator[Column]:
        wanted = [name for name in fit if self.scope.columns is None or name in self.scope.columns]
        is_hourly = by_hour is not None and len(by_hour) > 0 and self.table.partition_column == "hour"
        whole = (int(by_hour["at"].iloc[0]), int(by_hour["at"].iloc[-1])) if is_hourly and by_hour is not None else None
        return columns_of(self.tables, self.table, wanted, rows, period, whole)

    def _between_columns(self, fit: list[str], period: Period) -> Iterator[Fault]:
        """Rules between the columns of a row, a month of rows at once."""
        if not self.table.rules or len(fit) < len(self.table.columns):
            return
        broken: dict[str, list[int]] = {rule: [] for rule in self.table.rules}
        for rows in reading.rows_by_month(self.tables, self.table, period):
            for rule, holds in self.table.rules.items():
                times = pd.DatetimeIndex(rows.loc[~holds(rows), self.table.partition_column])
                broken[rule] += (times.as_unit("us").asi8 // reading.HOUR_US).tolist()
        yield from (rules.broken_rules(self.table, rule, at) for rule, at in broken.items() if at)

    def _of_time(self, fit: list[str], by_hour: pd.DataFrame, period: Period) -> Iterator[Fault]:
        at, table, settings = by_hour["at"].tolist(), self.table, self.settings
        yield from rules.ahead(table, at, self.now)
        yield from rules.late(table, at[-1], min(self.now, self.scope.last or self.now), settings)
        yield from rules.few_instruments(table, by_hour, settings)
        nullable = [name for name in fit if table.columns[name].nullable]
        first = reading.first_hour(self.tables, table) or at[0]
        yield from rules.null_bursts(table, nullable, by_hour, first, settings)
        stored = set(at)
        if table.name == MARKET_SNAPSHOT.name and not settings.ingest.checks.allow_empty_hours:
            yield from rules.missing(table, set(range(at[0], at[-1] + 1)) - stored, "between its first and its last")
        if table.name == features_table(settings.features).name:
            market = {hour for hour in reading.hours_of(self.tables, MARKET_SNAPSHOT, period) if hour >= at[0]}
            yield from rules.missing(table, market - stored, f"that {MARKET_SNAPSHOT.name} holds")
        claimed = (self.scope.claimed or {}).get(table.name, ())
        yield from rules.missing(table, set(claimed) - stored, "that a run on record has written")

    def _numbers(
        self,
        rows: int,
        by_hour: pd.DataFrame | None,
        repeated: int,
        instruments: int | None,
        profiles: tuple[Profile, ...],
    ) -> TableAudit:
        if by_hour is None or by_hour.empty:
            partitions = None if by_hour is None else 0
            return TableAudit(
                self.table.name, True, rows, partitions, duplicates=repeated, instruments=instruments, columns=profiles
            )
        first, last = int(by_hour["at"].iloc[0]), int(by_hour["at"].iloc[-1])
        step = 1 if self.table.partition_column == "hour" else 24
        return TableAudit(
            self.table.name,
            True,
            rows,
            len(by_hour),
            time_of(first),
            time_of(last),
            (last - first) // step + 1 - len(by_hour),
            repeated,
            instruments,
            float(by_hour["rows"].median()),
            int(by_hour["rows"].min()),
            profiles,
        )
