"""The embedded warehouse: all tables in one DuckDB file, whose writes leave a Parquet mirror beside it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Self

import duckdb
import pandas as pd

from mlreg_dagster.config.places import mirror_root
from mlreg_dagster.storage.parquet_mirror.writer import TableMirror, day_names
from mlreg_dagster.storage.warehouse.guarded_file import GuardedFile
from mlreg_dagster.storage.warehouse.tables import InvalidRows, Table, select_list
from mlreg_dagster.storage.warehouse.warehouse import TableChanged


class DuckDBWarehouse:
    """The tables in one DuckDB file, which is opened for a short time each; see `Warehouse` for what they can do.

    Args:
        path: The file; it is made when first needed.
        lock_timeout_s: How long, in seconds, to wait for another process.
        stay_open: Whether the file stays open between uses; see `GuardedFile`.

    Attributes:
        file: The file, and who may open it.
        mirror: What readers outside of the graph read; each write leaves its days there.
    """

    def __init__(self, path: str | Path, lock_timeout_s: float = 60.0, stay_open: bool = False) -> None:
        self._lacking: dict[str, dict[str, str]] = {}  # by the DDL of tables that were looked at
        self.mirror = TableMirror(mirror_root(Path(path).parent))
        self.file = GuardedFile(
            path,
            lock_timeout_s,
            stay_open,
            on_open=self._lacking.clear,
            on_make=self.mirror.begin,
            reaches=[self.mirror.layout.root],
        )
        self._sessions = 0

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    @contextmanager
    def session(self) -> Iterator[Self]:
        """Keep the file open, and other processes out, between the calls of a short piece of work."""
        with self.file.session():
            self._sessions += 1
            try:
                yield self
            finally:
                self._sessions -= 1
                if not self._sessions:
                    with self.file.connect() as connection:
                        self.mirror.follow(connection)

    def mirror_again(self) -> None:
        """Write the mirror of every table as a whole; nothing is made where there are no tables.

        Raises:
            WarehouseBusy: Another process kept the tables.
            StorageFull, StorageNotWritable, StorageDamaged: What is not written is marked as behind.
        """
        if self.path.exists():
            with self.file.connect() as connection:
                self.mirror.write(connection, everything=True)

    def connect(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A short connection, in UTC, alone among all processes."""
        return self.file.connect()

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
        with self.session(), self.connect() as connection:
            lacking = self._ensure(connection, table)
            connection.register("new_rows", frame)
            connection.register("new_keys", keys)
            self.changes(table, keys["partition_key"])
            with _transaction(connection):
                for name, sql_type in lacking.items():
                    connection.execute(f'ALTER TABLE "{table.name}" ADD COLUMN "{name}" {sql_type}')
                deleted = connection.execute(
                    f'DELETE FROM "{table.name}" WHERE "{column}" IN (SELECT partition_key FROM new_keys)'  # noqa: S608
                ).fetchall()
                connection.execute(f'INSERT INTO "{table.name}" BY NAME SELECT * FROM new_rows')  # noqa: S608
            self._lacking[table.ddl()] = {}
            if frame.empty and deleted[0][0]:
                self.mirror.purge(table.name)
        return len(frame)

    def changes(self, table: Table, partitions: Iterable[object]) -> None:
        """Say that statements of one's own are going to change rows of partitions, before they do, within a session."""
        if days := day_names(partitions):
            self.mirror.mark(table.name, days)

    def read(
        self,
        table: Table,
        first: object = None,
        last: object = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Rows whose partition lies in `first … last`, ordered by key."""
        wanted = list(columns or table.columns)
        column = table.partition_column
        with self.connect() as connection:
            lacking = self._ensure(connection, table)
            frame: pd.DataFrame = connection.execute(
                f'SELECT {select_list(wanted, lacking)} FROM "{table.name}" '  # noqa: S608
                f'WHERE ($first IS NULL OR "{column}" >= $first) AND ($last IS NULL OR "{column}" <= $last) '
                f"ORDER BY {select_list(table.key, {})}",
                {"first": first, "last": last},
            ).df()
        for name in wanted:
            if table.sql_type(name) == "VARCHAR" and frame[name].isna().all():
                frame[name] = pd.Series(index=frame.index, dtype="str")  # no text to tell the type from
        return frame

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
            there = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = $name", {"name": name})
            if not there.fetchall()[0][0]:
                return pd.DatetimeIndex([], dtype="datetime64[us, UTC]")
            sql = f'SELECT DISTINCT hour FROM "{name}" WHERE hour BETWEEN $first AND $last ORDER BY 1'  # noqa: S608
            return pd.DatetimeIndex(connection.execute(sql, {"first": first, "last": last}).df()["hour"])

    def query(self, sql: str, parameters: dict[str, object] | None = None) -> pd.DataFrame:
        """The result of a reading statement as a frame."""
        with self.connect() as connection:
            return connection.execute(sql, parameters or {}).df()

    def _ensure(self, connection: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
        """Make the table, if it is not there; the columns that one of an earlier release lacks."""
        ddl = table.ddl()
        if ddl in self._lacking:  # no other process can have changed it: this connection was alone all the time
            return self._lacking[ddl]
        connection.execute(ddl)
        if differing := differing_columns(connection, table):
            raise TableChanged(
                f"{table.name} in {self.path} was written with other columns than the configuration now asks "
                f"for; they differ in: {', '.join(differing)}. Use another MLREG_HOME for the new "
                f"configuration, or drop the table and materialize its partitions again."
            )
        self._lacking[ddl] = table.lacking(_stored(connection, table))
        return self._lacking[ddl]


def differing_columns(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """The columns in whose name, type or nullability a stored table differs from what it should be.

    Those that it gains with the next write are none of them.
    """
    stored = _stored(connection, table)
    wanted = {
        name: (table.sql_type(name).replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"), spec.nullable)
        for name, spec in table.columns.items()
    }
    return sorted(dict(stored.items() ^ wanted.items()).keys() - table.lacking(stored).keys())


def _stored(connection: duckdb.DuckDBPyConnection, table: Table) -> dict[str, tuple[str, bool]]:
    """Type and nullability of each column of a stored table."""
    described = connection.execute(f'DESCRIBE "{table.name}"').fetchall()
    return {name: (sql_type, null == "YES") for name, sql_type, null, *_ in described}


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
