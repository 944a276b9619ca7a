"""The warehouse of readers that are not part of the graph: `Tables` with the methods that read, and none that write.

So functions that take a `Warehouse` answer from the Parquet mirror, too, and as of a time in the past.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn, Self

import duckdb
import pandas as pd

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage.warehouse.duckdb_access import connect
from mlreg_dagster.storage.warehouse.reader import Tables, time_column
from mlreg_dagster.storage.warehouse.tables import Table, rows_of
from mlreg_dagster.storage.warehouse.warehouse import TableChanged


class WarehouseReadOnly(MlregError):
    """A reader was asked to write."""


class ReadOnlyWarehouse:
    """What a `Warehouse` can do, but for writing.

    Args:
        tables: The tables, or views of them; what they lack becomes empty temporary tables of their connection, and
            what is asked of the past becomes temporary views.
        until: The time as of which is asked; later rows do not show. None: all rows.
    """

    def __init__(self, tables: Tables, until: datetime | None = None) -> None:
        self._connection = tables.connection or connect()
        if until is not None:
            _hide_after(self._connection, until)

    @contextmanager
    def session(self) -> Iterator[Self]:
        """As the connection is open anyway, nothing more."""
        yield self

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The connection."""
        yield self._connection

    def write(self, table: Table, frame: pd.DataFrame, partitions: Iterable[object]) -> NoReturn:
        """Refuse.

        Raises:
            WarehouseReadOnly: Always.
        """
        del frame, partitions
        raise WarehouseReadOnly(f"{table.name} was opened for reading alone. Materialize its asset.")

    def writing(self, table: Table) -> NoReturn:
        """Refuse, as `write`."""
        self.write(table, table.empty(), [])

    def changes(self, table: Table, partitions: Iterable[object]) -> NoReturn:
        """Refuse, as `write`."""
        self.write(table, table.empty(), partitions)

    def read(
        self,
        table: Table,
        first: object = None,
        last: object = None,
        columns: Sequence[str] | None = None,
        only: Mapping[str, object] | None = None,
    ) -> pd.DataFrame:
        """Rows whose partition lies in `first … last`, ordered by key."""
        return rows_of(self._connection, table, self._ensure(table), first, last, columns, only)

    def newest(self, table: Table) -> pd.Timestamp | None:
        """The newest partition that has rows; None where there is none."""
        self._ensure(table)
        sql = f'SELECT max("{table.partition_column}") AS newest FROM "{table.name}"'  # noqa: S608
        newest = self.query(sql)["newest"].iloc[0]
        return None if pd.isna(newest) else newest

    def partitions(self, table: Table, first: object = None, last: object = None) -> pd.DatetimeIndex:
        """The partitions that have rows, those of `first … last`, ascending."""
        self._ensure(table)
        column = table.partition_column
        found = self.query(
            f'SELECT DISTINCT "{column}" AS partition FROM "{table.name}" '  # noqa: S608
            f'WHERE ($first IS NULL OR "{column}" >= $first) AND ($last IS NULL OR "{column}" <= $last) ORDER BY 1',
            {"first": first, "last": last},
        )
        return pd.DatetimeIndex(found["partition"])

    def hours(self, name: str, first: object, last: object) -> pd.DatetimeIndex:
        """The hours from `first` to `last` of which an hourly table holds rows; none where it is not there yet."""
        if not _columns(self._connection, name):
            return pd.DatetimeIndex([], dtype="datetime64[us, UTC]")
        sql = f'SELECT DISTINCT hour FROM "{name}" WHERE hour BETWEEN $first AND $last ORDER BY 1'  # noqa: S608
        return pd.DatetimeIndex(self.query(sql, {"first": first, "last": last})["hour"])

    def query(self, sql: str, parameters: dict[str, object] | None = None) -> pd.DataFrame:
        """The result of a reading statement as a frame."""
        return self._connection.execute(sql, parameters or {}).df()

    def _ensure(self, table: Table) -> dict[str, str]:
        """An empty temporary table where there is none; the columns that one of an earlier release lacks.

        Raises:
            TableChanged: The stored table has other columns.
        """
        stored = _columns(self._connection, table.name)
        if not stored:
            self._connection.execute(table.ddl().replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
            return {}
        wanted = {name: _spelled(table.sql_type(name)) for name in table.columns}
        lacking = table.lacking(stored)
        if differing := sorted(dict(stored.items() ^ wanted.items()).keys() - lacking.keys()):
            raise TableChanged(
                f"{table.name} was written with other columns than the configuration now asks for; they differ in: "
                f"{', '.join(differing)}. Use the configuration that wrote it, or another MLREG_HOME."
            )
        return lacking


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> Mapping[str, str]:
    """Name and type of each column of a table or a view; nothing where there is none."""
    found = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = $name", {"name": name}
    )
    return dict(found.fetchall())


def _spelled(sql_type: str) -> str:
    return sql_type.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")


def _hide_after(connection: duckdb.DuckDBPyConnection, until: datetime) -> None:
    """Put a view over each table that has times, which holds what was there by then."""
    described = connection.execute(
        "SELECT database_name, schema_name, table_name, list(column_name) FROM duckdb_columns() "
        "WHERE NOT internal AND database_name <> 'temp' GROUP BY ALL"
    ).fetchall()
    stamp = f"TIMESTAMPTZ '{until.isoformat()}'"
    for database, schema, name, columns in described:
        known = time_column(columns)
        if known is not None:
            limit = stamp if known == "hour" else f"{stamp} - INTERVAL 1 DAY"
            connection.execute(
                f'CREATE OR REPLACE TEMP VIEW "{name}" AS SELECT * FROM "{database}"."{schema}"."{name}" '  # noqa: S608
                f'WHERE "{known}" <= {limit}'
            )
