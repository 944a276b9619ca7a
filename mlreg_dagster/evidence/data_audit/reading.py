"""The statements of the audit: what is read of a table, column by column or by hour, never as whole rows.

They run on the warehouse and on its Parquet mirror alike. Names come from the descriptions of tables, never from what
is stored.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlreg_dagster.evidence.data_audit.catalogue import is_of_time
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster.storage.warehouse.tables import Table

if TYPE_CHECKING:
    import pandas as pd

HOUR_US = 3_600_000_000
_AT_ONCE = 4  # columns of numbers: 40 bytes a row
_MOST_TEXTS = 8
INSTRUMENT = "instrument_id"
NUMBERS = ("DOUBLE", "BIGINT")


@dataclass(frozen=True)
class Period:
    """Which rows are read: those of hours within, both ends included, and of days that end with them; None: no end."""

    first: datetime | None = None
    last: datetime | None = None

    def where(self, table: Table) -> str:
        """The condition, on a table of hours or days; other tables are read as a whole."""
        if not is_of_time(table):
            return "true"
        column = quoted(table.partition_column)
        is_of_days = table.partition_column == "day"
        last = self.last - timedelta(hours=23) if is_of_days and self.last is not None else self.last
        ends = ((">=", self.first), ("<=", last))
        return " AND ".join(f"{column} {sign} {_literal(end)}" for sign, end in ends if end is not None) or "true"


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"{}"'.format(name.replace('"', '""'))


def _literal(time: datetime) -> str:
    return f"TIMESTAMPTZ '{time:%Y-%m-%d %H:%M:%S}+00'"


def stored_columns(tables: Tables, table: Table) -> dict[str, str]:
    """Name and type of each column as it is stored; none where the table is not there."""
    found = tables.rows(
        f"SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '{table.name}' ORDER BY column_index"  # noqa: S608
    )
    return dict(found)


def by_partition(tables: Tables, table: Table, columns: Sequence[str], period: Period) -> "pd.DataFrame":
    """Counts by hour or day: `at`, the hour since 1970, `rows`, and of each column the rows with a value."""
    counts = "".join(f", count({quoted(name)}) AS n{place}" for place, name in enumerate(columns))
    frame = tables.frame(
        f"SELECT {_hour(table)} AS at, count(*) AS rows{counts} FROM {quoted(table.name)} "  # noqa: S608
        f"WHERE {period.where(table)} GROUP BY 1 ORDER BY 1"
    )
    return frame.rename(columns={f"n{place}": name for place, name in enumerate(columns)})


def first_hour(tables: Tables, table: Table) -> int | None:
    """The first hour that a table holds at all, since 1970."""
    return tables.rows(f"SELECT min({_hour(table)}) FROM {quoted(table.name)}")[0][0]  # type: ignore[no-any-return]  # noqa: S608


def hours_of(tables: Tables, table: Table, period: Period) -> set[int]:
    """The hours of which a table holds rows, since 1970; none where it is not there."""
    if not stored_columns(tables, table):
        return set()
    sql = f"SELECT DISTINCT {_hour(table)} FROM {quoted(table.name)} WHERE {period.where(table)}"  # noqa: S608
    return {hour for (hour,) in tables.rows(sql)}


def rows_of(tables: Tables, table: Table, period: Period) -> int:
    """How many rows there are."""
    return int(tables.rows(f"SELECT count(*) FROM {quoted(table.name)} WHERE {period.where(table)}")[0][0])  # noqa: S608


def duplicates(tables: Tables, table: Table, period: Period) -> tuple[int, str]:
    """How many rows repeat a key, and the first such key in words."""
    key = ", ".join(map(quoted, table.key))
    shown = " || ', ' || ".join(f"'{name} ' || coalesce({quoted(name)}::VARCHAR, 'null')" for name in table.key)
    rows, first = tables.rows(
        f"SELECT coalesce(sum(n - 1), 0)::BIGINT, min(shown) FROM (SELECT count(*) AS n, min({shown}) AS shown "  # noqa: S608
        f"FROM {quoted(table.name)} WHERE {period.where(table)} GROUP BY {key} HAVING count(*) > 1)"
    )[0]
    return int(rows), first or ""


def instruments(tables: Tables, table: Table, period: Period) -> int | None:
    """How many instruments there are; None where the table is not about any."""
    if INSTRUMENT not in table.columns:
        return None
    sql = f"SELECT count(DISTINCT {INSTRUMENT}) FROM {quoted(table.name)} WHERE {period.where(table)}"  # noqa: S608
    return int(tables.rows(sql)[0][0])


def numbers(tables: Tables, table: Table, names: Sequence[str], period: Period) -> Iterator["pd.DataFrame"]:
    """The columns of numbers, a few at once: `at`, the hour since 1970, and each as doubles."""
    for place in range(0, len(names), _AT_ONCE):
        some = names[place : place + _AT_ONCE]
        at = f"{_hour(table)} AS at, " if is_of_time(table) else ""
        values = ", ".join(f"{quoted(name)}::DOUBLE AS {quoted(name)}" for name in some)
        yield tables.frame(
            f"SELECT {at}{values} FROM {quoted(table.name)} WHERE {period.where(table)}"  # noqa: S608
        )


def values(tables: Tables, table: Table, name: str, period: Period) -> "pd.DataFrame":
    """The different values of a column, the most frequent first, with the rows (`n`) and first hour (`at`) of each.

    Times are as they are; the rest is text or truth values.
    """
    at = f"min({_hour(table)})" if is_of_time(table) else "NULL::INTEGER"
    return tables.frame(
        f"SELECT {quoted(name)} AS value, count(*) AS n, {at} AS at FROM {quoted(table.name)} "  # noqa: S608
        f"WHERE {period.where(table)} AND {quoted(name)} IS NOT NULL GROUP BY 1 ORDER BY n DESC, value"
    )


def rows_by_month(tables: Tables, table: Table, period: Period) -> Iterator["pd.DataFrame"]:
    """Whole rows in the order of their partitions, a month at once: for rules between columns."""
    column = quoted(table.partition_column)
    months = tables.rows(
        f"SELECT DISTINCT strftime(date_trunc('month', {column}), '%Y-%m-%d') FROM {quoted(table.name)} "  # noqa: S608
        f"WHERE {period.where(table)} ORDER BY 1"
    )
    for (month,) in months:
        yield tables.frame(
            f"SELECT * FROM {quoted(table.name)} WHERE {period.where(table)} "  # noqa: S608
            f"AND date_trunc('month', {column}) = TIMESTAMPTZ '{month} 00:00:00+00'"
        )


def _hour(table: Table) -> str:
    return f"(epoch_us({quoted(table.partition_column)}) // {HOUR_US})::INTEGER"
