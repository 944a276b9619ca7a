"""The tables by SQL of DuckDB, whatever guards them: one file, or a lake."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Self

import duckdb
import pandas as pd

from mlreg_dagster.storage.parquet_mirror.writer import TableMirror, day_names
from mlreg_dagster.storage.warehouse.guard import Guard
from mlreg_dagster.storage.warehouse.tables import InvalidRows, Table, rows_of
from mlreg_dagster.storage.warehouse.warehouse import TableChanged

_log = logging.getLogger(__name__)
_ATTEMPTS = 3
_ROWS_AT_ONCE = 250_000
"""Of one statement: DuckDB copies what it inserts, texts several times."""


class SqlWarehouse:
    """The tables behind a guard; see `Warehouse` for what they can do.

    Args:
        guard: Opens connections to the tables, and keeps writers apart.
        mirror: What readers outside of the graph read, where they can't read the tables; each write leaves its days
            there.
    """

    def __init__(self, guard: Guard, mirror: TableMirror | None = None) -> None:
        self.guard = guard
        self.mirror = mirror
        self._lacking: dict[str, dict[str, str]] = {}  # by the DDL of tables that were looked at
        self._sessions = 0

    @property
    def place(self) -> str:
        """Where the tables are, for messages; it shows no password."""
        return self.guard.place

    def exists(self) -> bool:
        """Whether tables were made there already."""
        return self.guard.exists()

    def wait_at_most(self, seconds: float) -> None:
        """Wait for another process no longer than that, seconds; never longer than before."""
        self.guard.timeout_s = min(self.guard.timeout_s, seconds)

    @contextmanager
    def session(self) -> Iterator[Self]:
        """Keep a connection open between the calls of a short piece of work."""
        with self.guard.session():
            self._sessions += 1
            try:
                yield self
            finally:
                self._sessions -= 1
                if not self._sessions and self.mirror is not None:
                    with self.guard.connect() as connection:
                        self.mirror.follow(connection)

    @contextmanager
    def writing(self, table: Table) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for statements of one's own that change a table; no other writer has it meanwhile."""
        with self.session(), self.guard.writing(table.name), self.connect() as connection:
            yield connection

    def mirror_again(self) -> None:
        """Write the mirror of every table as a whole; nothing is made where there are no tables, or no mirror.

        Raises:
            WarehouseBusy: Another process kept the tables.
            StorageFull, StorageNotWritable, StorageDamaged: What is not written is marked as behind.
        """
        if self.mirror is not None and self.exists():
            with self.connect() as connection:
                self.mirror.write(connection, everything=True)

    def connect(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A connection, in UTC; see `Guard.connect`."""
        return self.guard.connect()

    def look(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A connection to tables that are there, for reading alone."""
        return self.guard.connect_read_only()

    def forget(self) -> None:
        """Look at the stored tables again: others may have changed them."""
        self._lacking.clear()

    def write(self, table: Table, frame: pd.DataFrame, partitions: Iterable[object]) -> int:
        """Replace the partitions of a table by the rows of `frame`, in one transaction."""
        frame = table.validate(frame)
        column = table.partition_column
        keys = pd.DataFrame({"partition_key": pd.Series(list(partitions), dtype=frame[column].dtype)})
        stray = frame.loc[~frame[column].isin(keys["partition_key"]), column]
        if not stray.empty:
            raise InvalidRows(
                f"{table.name}: {len(stray)} rows lie outside the partitions being written (the first in "
                f"{column} {stray.iloc[0]}). Nothing was stored."
            )
        for left in reversed(range(_ATTEMPTS)):
            try:
                return self._replace(table, frame, keys)
            except self.guard.repeatable as error:
                if not left:
                    raise
                _log.warning("The rows of %s are stored again: %s", table.name, error)
        raise AssertionError("unreachable")

    def _replace(self, table: Table, frame: pd.DataFrame, keys: pd.DataFrame) -> int:
        """Replace partitions; what is done twice is stored once."""
        column = table.partition_column
        within = f'"{column}" BETWEEN $first AND $last'
        with self.writing(table) as connection:
            self.changes(table, keys["partition_key"])
            with self._transaction(connection):
                for name, sql_type in self._ensure(connection, table).items():
                    connection.execute(f'ALTER TABLE "{table.name}" ADD COLUMN "{name}" {sql_type}')
                if len(keys) > 1:
                    connection.register("new_keys", keys)
                    within += f' AND "{column}" IN (SELECT partition_key FROM new_keys)'  # noqa: S608
                sql = f'DELETE FROM "{table.name}" WHERE {within}'  # noqa: S608
                deleted = connection.execute(sql, _bounds(keys["partition_key"])).fetchall()
                for start in range(0, max(len(frame), 1), _ROWS_AT_ONCE):
                    connection.register("new_rows", frame.iloc[start : start + _ROWS_AT_ONCE])
                    connection.execute(f'INSERT INTO "{table.name}" BY NAME SELECT * FROM new_rows')  # noqa: S608
                    connection.unregister("new_rows")
                self.guard.confirm(table.name)
            self._lacking[table.ddl()] = {}
            if self.mirror is not None and frame.empty and deleted[0][0]:
                self.mirror.purge(table.name)
        return len(frame)

    def changes(self, table: Table, partitions: Iterable[object]) -> None:
        """Say that statements of one's own are going to change rows of partitions, before they do; see `writing`."""
        if self.mirror is not None and (days := day_names(partitions)):
            self.mirror.mark(table.name, days)

    def read(
        self,
        table: Table,
        first: object = None,
        last: object = None,
        columns: Sequence[str] | None = None,
        only: Mapping[str, object] | None = None,
    ) -> pd.DataFrame:
        """Rows whose partition lies in `first … last`, ordered by key."""
        with self.connect() as connection:
            return rows_of(connection, table, self._ensure(connection, table), first, last, columns, only)

    def newest(self, table: Table) -> pd.Timestamp | None:
        """The newest partition that has rows; None where there is none."""
        with self.connect() as connection:
            self._ensure(connection, table)
            sql = f'SELECT max("{table.partition_column}") AS newest FROM "{table.name}"'  # noqa: S608
            newest = connection.execute(sql).df()["newest"].iloc[0]
        return None if pd.isna(newest) else newest

    def partitions(self, table: Table, first: object = None, last: object = None) -> pd.DatetimeIndex:
        """The partitions that have rows, those of `first … last`, ascending."""
        column = table.partition_column
        with self.connect() as connection:
            self._ensure(connection, table)
            found = connection.execute(
                f'SELECT DISTINCT "{column}" AS partition FROM "{table.name}" '  # noqa: S608
                f'WHERE ($first IS NULL OR "{column}" >= $first) AND ($last IS NULL OR "{column}" <= $last) ORDER BY 1',
                {"first": first, "last": last},
            ).df()
        return pd.DatetimeIndex(found["partition"])

    def hours(self, name: str, first: object, last: object) -> pd.DatetimeIndex:
        """The hours from `first` to `last` of which an hourly table holds rows; none where it is not there yet."""
        with self.connect() as connection:
            if not _columns(connection, name):
                return pd.DatetimeIndex([], dtype="datetime64[us, UTC]")
            sql = f'SELECT DISTINCT hour FROM "{name}" WHERE hour BETWEEN $first AND $last ORDER BY 1'  # noqa: S608
            return pd.DatetimeIndex(connection.execute(sql, {"first": first, "last": last}).df()["hour"])

    def query(self, sql: str, parameters: dict[str, object] | None = None) -> pd.DataFrame:
        """The result of a reading statement as a frame."""
        with self.connect() as connection:
            return connection.execute(sql, parameters or {}).df()

    @contextmanager
    def _transaction(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        connection.begin()
        try:
            yield
        except BaseException:
            self.forget()
            with suppress(duckdb.Error):  # a connection that is gone has nothing to take back
                connection.rollback()
            raise
        connection.commit()

    def _ensure(self, connection: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
        """Make the table, if it is not there; the columns that one of an earlier release lacks.

        Statements of one's own follow on a table that was asked about. Where tables are shared, only
        the first writer is waited for.
        """
        ddl = table.ddl()
        if self.guard.is_exclusive and ddl in self._lacking:  # the connection was alone all the time
            return self._lacking[ddl]
        if not (stored := _columns(connection, table.name)):
            with self.guard.writing(table.name):
                connection.execute(ddl)
            stored = _columns(connection, table.name)
        self._lacking[ddl] = self._lacking_in(stored, table)
        return self._lacking[ddl]

    def _lacking_in(self, stored: dict[str, tuple[str, bool]], table: Table) -> dict[str, str]:
        if differing := _differing(stored, table):
            raise TableChanged(
                f"{table.name} in {self.place} was written with other columns than the configuration now asks "
                f"for; they differ in: {', '.join(differing)}. Use another MLREG_HOME for the new "
                f"configuration, or drop the table and materialize its partitions again."
            )
        return table.lacking(stored)


def _bounds(keys: pd.Series) -> dict[str, object]:
    """The first and the last of some partitions: constants tell DuckDB which files it need not look into."""
    first, last = (keys.min(), keys.max()) if len(keys) else (None, None)
    return {name: getattr(key, "item", lambda key=key: key)() for name, key in (("first", first), ("last", last))}


def differing_columns(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """The columns in whose name, type or nullability a stored table differs from what it should be.

    Those that it gains with the next write are none of them.
    """
    return _differing(_columns(connection, table.name), table)


def _differing(stored: dict[str, tuple[str, bool]], table: Table) -> list[str]:
    wanted = {
        name: (table.sql_type(name).replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"), spec.nullable)
        for name, spec in table.columns.items()
    }
    return sorted(dict(stored.items() ^ wanted.items()).keys() - table.lacking(stored).keys())


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, tuple[str, bool]]:
    """Type and nullability of each column of a stored table; nothing where there is none."""
    try:
        described = connection.execute(f'DESCRIBE "{name}"').fetchall()
    except duckdb.CatalogException:  # it is not there
        return {}
    return {name: (sql_type, null == "YES") for name, sql_type, null, *_ in described}
