"""The tables, in one DuckDB file: the one place that opens it.

DuckDB allows one writing process at a time. Every connection is therefore short and taken under an
inter-process lock with a bounded wait, whose holder can be named. Foreign processes (a person's `duckdb`
shell) do not know that lock; DuckDB's own lock is waited for within the same bound.
"""

import json
import os
import re
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import duckdb
import pandas as pd
from filelock import FileLock, Timeout

from mlreg_dagster.errors import MlregError, TransientError
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.tables import InvalidRows, Table

_FOREIGN_LOCK_POLL_S = 0.1
_FOREIGN_LOCK_SIGNS = ("Could not set lock", "being used by another process")  # POSIX, Windows
_FOREIGN_PID = re.compile(r"PID (\d+)")


class WarehouseBusy(TransientError):
    """Another process held the warehouse for longer than the allowed wait."""


class TableChanged(MlregError):
    """The stored table has other columns than the configuration now asks for."""


class Warehouse:
    """Tables keyed by partition, with idempotent writes.

    Args:
        path: The DuckDB file; it and its folder are made when first needed.
        lock_timeout_s: How long, in seconds, to wait for another process before `WarehouseBusy`.
    """

    def __init__(self, path: str | Path, lock_timeout_s: float = 60.0) -> None:
        self.path = Path(path)
        self.lock_timeout_s = lock_timeout_s
        self._holder_path = self.path.with_suffix(".lock.json")
        self._kept: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def session(self) -> Iterator[Self]:
        """Keep the file open, and other processes out, between the calls of a short piece of work.

        Raises:
            WarehouseBusy: As `connect`.
        """
        with self.connect() as connection:
            before, self._kept = self._kept, connection
            try:
                yield self
            finally:
                self._kept = before

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for a short time, in UTC, alone among all processes that come through here.

        Raises:
            WarehouseBusy: Another process kept the file for longer than `lock_timeout_s`; it is named.
            StorageFull, StorageNotWritable, StorageDamaged: The disk or the file is at fault.
        """
        if self._kept is not None:
            yield self._kept
            return
        with explained(self.path), self._locked() as deadline:
            connection = self._open(deadline)
            try:
                connection.execute("SET TimeZone = 'UTC'")
                yield connection
            finally:
                connection.close()

    @contextmanager
    def look(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file that is there for reading alone, in UTC; nothing in the home is changed by it.

        Raises:
            WarehouseBusy: A process, ours or a foreign one, kept it for longer than `lock_timeout_s`; it is named.
            StorageNotWritable, StorageDamaged: The file can't be read.
        """
        deadline = time.monotonic() + self.lock_timeout_s
        with explained(self.path):
            while True:
                try:
                    connection = duckdb.connect(str(self.path), read_only=True)
                    break
                except duckdb.IOException as error:
                    if not any(sign in str(error) for sign in _FOREIGN_LOCK_SIGNS):
                        raise
                    if time.monotonic() >= deadline:
                        raise WarehouseBusy(self._busy_message(json.dumps(_foreign_process(error)))) from error
                    time.sleep(_FOREIGN_LOCK_POLL_S)
            try:
                connection.execute("SET TimeZone = 'UTC'")
                yield connection
            finally:
                connection.close()

    def write(self, table: Table, frame: pd.DataFrame, partitions: Iterable[object]) -> int:
        """Replace the partitions of a table by the rows of `frame`, in one transaction.

        Args:
            table: Where to write; it is made if it does not exist.
            frame: The rows of all `partitions`; a partition without rows becomes empty.
            partitions: Values of the table's partition column that are to be replaced.

        Returns:
            The number of rows written.

        Raises:
            InvalidRows: A row breaks the schema, or belongs to none of `partitions`.
            TableChanged: The stored table has other columns.
        """
        frame = table.validate(frame)
        column = table.partition_column
        keys = pd.DataFrame({"partition_key": pd.Series(list(partitions), dtype=frame[column].dtype)})
        stray = frame.loc[~frame[column].isin(keys["partition_key"]), column]
        if not stray.empty:
            raise InvalidRows(
                f"{table.name}: {len(stray)} rows lie outside the partitions being written (the first in "
                f"{column} {stray.iloc[0]}). Nothing was stored."
            )
        with self.connect() as connection:
            self._ensure(connection, table)
            connection.register("new_rows", frame)
            connection.register("new_keys", keys)
            with _transaction(connection):
                connection.execute(
                    f'DELETE FROM "{table.name}" WHERE "{column}" IN (SELECT partition_key FROM new_keys)'  # noqa: S608
                )
                connection.execute(f'INSERT INTO "{table.name}" BY NAME SELECT * FROM new_rows')  # noqa: S608
        return len(frame)

    def read(
        self,
        table: Table,
        first: object = None,
        last: object = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Rows whose partition lies in `first … last` (both included, None = open), ordered by key.

        A table that nobody has written yet is empty.

        Raises:
            TableChanged: The stored table has other columns.
        """
        wanted = list(columns or table.columns)
        column = table.partition_column
        with self.connect() as connection:
            self._ensure(connection, table)
            frame: pd.DataFrame = connection.execute(
                f'SELECT {_names(wanted)} FROM "{table.name}" '  # noqa: S608
                f'WHERE ($first IS NULL OR "{column}" >= $first) AND ($last IS NULL OR "{column}" <= $last) '
                f"ORDER BY {_names(table.key)}",
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

    def query(self, sql: str, parameters: dict[str, object] | None = None) -> pd.DataFrame:
        """The result of a reading statement as a frame."""
        with self.connect() as connection:
            return connection.execute(sql, parameters or {}).df()

    @contextmanager
    def _locked(self) -> Iterator[float]:
        """Our own lock; gives the moment (monotonic, s) until which DuckDB's may be waited for."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + self.lock_timeout_s
        lock, turn = (FileLock(self.path.with_suffix(suffix)) for suffix in (".lock", ".turn"))
        try:
            with turn.acquire(self.lock_timeout_s):  # else whoever reads without a pause would keep all others out
                lock.acquire(max(deadline - time.monotonic(), 0.0))
        except Timeout:
            raise WarehouseBusy(self._busy_message(self._holder())) from None
        try:
            self._holder_path.write_text(json.dumps(_this_process()))
            yield deadline
        finally:
            lock.release()

    def _open(self, deadline: float) -> duckdb.DuckDBPyConnection:
        if not self.path.exists():
            self._make()
        while True:
            try:
                return duckdb.connect(str(self.path))
            except duckdb.IOException as error:
                if not any(sign in str(error) for sign in _FOREIGN_LOCK_SIGNS):
                    raise
                holder = json.dumps(_foreign_process(error))
                if time.monotonic() >= deadline:
                    raise WarehouseBusy(self._busy_message(holder)) from error
                self._holder_path.write_text(holder)  # whoever waits for our lock waits for that process
                time.sleep(_FOREIGN_LOCK_POLL_S)

    def _make(self) -> None:
        """A file that lost its process or its disk before it was whole is no database; it never gets the name."""
        draft = self.path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        duckdb.connect(str(draft)).close()
        draft.rename(self.path)

    def _ensure(self, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        connection.execute(table.ddl())
        if differing := differing_columns(connection, table):
            raise TableChanged(
                f"{table.name} in {self.path} was written with other columns than the configuration now asks "
                f"for; they differ in: {', '.join(differing)}. Use another MLREG_HOME for the new "
                f"configuration, or drop the table and materialize its partitions again."
            )

    def _holder(self) -> str:
        try:
            return self._holder_path.read_text()
        except FileNotFoundError:
            return "unknown"

    def _busy_message(self, holder: str) -> str:
        return (
            f"{self.path} was kept by another process for more than {self.lock_timeout_s:g} s; nothing was "
            f"written. Wait until it ends, or end it, then run this again. Holder: {holder}"
        )


def differing_columns(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """The columns in whose name, type or nullability a stored table differs from what it should be."""
    described = connection.execute(f'DESCRIBE "{table.name}"').fetchall()
    stored = {name: (sql_type, null == "YES") for name, sql_type, null, *_ in described}
    wanted = {
        name: (table.sql_type(name).replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"), spec.nullable)
        for name, spec in table.columns.items()
    }
    return sorted(dict(stored.items() ^ wanted.items()))


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _this_process() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _foreign_process(error: duckdb.IOException) -> dict[str, object]:
    """Who holds DuckDB's own lock, as far as the system tells: DuckDB names the process, Linux its command."""
    said: dict[str, object] = {"said": str(error).removeprefix("IO Error: ")}
    if not (match := _FOREIGN_PID.search(str(error))):
        return said
    command = Path(f"/proc/{match[1]}/cmdline")
    words = command.read_bytes().decode(errors="replace").split("\0") if command.exists() else []
    return {"pid": int(match[1]), "command": " ".join(words).strip()[:200], **said}
