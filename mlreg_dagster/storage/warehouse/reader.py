"""Reading the tables from outside the graph: read-only, for a short time, and without pandas unless it is asked for.

Nothing is made here: a home that is not there has no tables. What the graph itself reads goes through `warehouse`.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import duckdb

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.warehouse.guarded_file import GuardedFile

if TYPE_CHECKING:
    import pandas as pd

    from mlreg_dagster.storage.warehouse.tables import Table


TIMES = ("hour", "day")
"""The columns by which a row is known from a time on: the hour at which it was, or the day at whose end."""


def time_column(columns: Collection[str]) -> str | None:
    """That of a table with these columns; None where its rows have no time."""
    return next((name for name in TIMES if name in columns), None)


class UnknownColumns(MlregError):
    """A stored table lacks columns that a reader asks for: another release or configuration wrote it."""


class NotKept(MlregError):
    """What the tables held at a time is not kept, or not any more."""


def moment(time: datetime) -> str:
    """A time, as a statement of `Tables.rows` has it."""
    return f"make_timestamptz({round(time.timestamp() * 1_000_000)})"


class Tables:
    """The tables, as of one moment.

    Args:
        connection: Reading; None where there is no file yet.
        place: The file, or what else holds the tables, for messages.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection | None, place: Path | str) -> None:
        self._connection = connection
        self._place = place

    @property
    def connection(self) -> duckdb.DuckDBPyConnection | None:
        """The connection; None where there is no file yet."""
        return self._connection

    @property
    def place(self) -> str:
        """Where they are, for messages."""
        return str(self._place)

    def has(self, table: str, columns: Iterable[str]) -> bool:
        """Whether a table is there.

        Args:
            table: Its name, one of ours.
            columns: Columns that are going to be read.

        Raises:
            UnknownColumns: The table is there and lacks one of them.
        """
        found = self.columns(table)
        if found and (missing := sorted(set(columns) - set(found))):
            raise UnknownColumns(
                f"{table} in {self._place} lacks the columns {', '.join(missing)}: another release or configuration "
                f"wrote it. Use that one, or another MLREG_HOME."
            )
        return bool(found)

    def lacking(self, table: "Table") -> dict[str, str]:
        """The columns that a stored table of an earlier release lacks, to their types; readers take them for null."""
        return table.lacking(self.columns(table.name))

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns; none where it is not there yet."""
        sql = f"SELECT column_name FROM duckdb_columns() WHERE table_name = '{table}' ORDER BY column_index"  # noqa: S608
        return [name for (name,) in self.rows(sql)]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The result of a reading statement, which asks for times as numbers or texts.

        It takes no parameters: DuckDB loads pandas to look at them, and at times.
        """
        return [] if self._connection is None else self._connection.execute(sql).fetchall()

    def frame(self, sql: str, parameters: Mapping[str, object] | None = None) -> "pd.DataFrame":
        """The result of a reading statement on a table that is there, as a frame."""
        assert self._connection is not None  # noqa: S101 - `has` was asked
        return self._connection.execute(sql, dict(parameters or {})).df()


class ReadersTables(Protocol):
    """The tables of a home, for readers outside of the graph."""

    def tables(self) -> AbstractContextManager[Tables]:
        """The tables; each statement sees one moment of them."""
        ...

    def behind(self) -> dict[str, list[str]]:
        """By table the days of which rows were stored that readers may not see yet; `all`: any day."""
        ...

    def newest(self, table: str | None = None) -> datetime | None:
        """When what readers see was last written, all tables or one; None where there is nothing."""
        ...

    def age(self, table: str | None = None, now: datetime | None = None) -> timedelta | None:
        """How long ago what readers see was last written; None where there is nothing.

        Args:
            table: Of this table alone.
            now: None: the machine's time.
        """
        newest = self.newest(table)
        return None if newest is None else (now or datetime.now(UTC)) - newest


class WarehouseReader(GuardedFile):
    """The tables' file for readers; it queues up with the writers, so that neither keeps the other out for long.

    Args:
        path: The file; it need not be there.
        lock_timeout_s: How long, in seconds, to wait for a process that writes.
    """

    @contextmanager
    def tables(self) -> Iterator[Tables]:
        """Open the file for a short time.

        Raises:
            WarehouseBusy: A process kept it for longer than `lock_timeout_s`; it is named.
            StorageNotWritable, StorageDamaged: It can't be read.
        """
        if not self.path.exists():
            yield Tables(None, self.path)
            return
        with self._in_turn(), self.connect_read_only() as connection:
            yield Tables(connection, self.path)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Our own lock, where a writer has made it; without it, or rights to it, DuckDB's own lock alone."""
        if not all(os.access(file, os.R_OK | os.W_OK) for file in self.lock.files):
            yield
            return
        with explained(self.path), self.lock.held():
            yield
