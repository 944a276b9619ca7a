"""Reads the mirror: tables under their names in a database in memory, without the lock of the tables."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from mlreg_dagster.config.places import mirror_root, warehouse_file
from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.parquet_mirror.layout import Columns, Layout, Pieces, month_of
from mlreg_dagster.storage.warehouse.duckdb_access import connect
from mlreg_dagster.storage.warehouse.reader import ReadersTables, Tables

if TYPE_CHECKING:
    import pandas as pd

_ATTEMPTS, _PAUSE_S = 20, 0.01

_Result = TypeVar("_Result")


class NotMirrored(MlregError):
    """The home has tables, and no mirror of them yet."""


class MirrorDamaged(MlregError):
    """A file of the mirror can't be read."""


class MirrorBusy(TransientError):
    """Files of the mirror were removed each time they were to be read."""


class MirrorReader(ReadersTables):
    """The mirror of a home, for readers.

    Args:
        home: The data home; it need not be there.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._layout = Layout(mirror_root(home))

    @contextmanager
    def tables(self) -> Iterator[Tables]:
        """The tables as the mirror has them.

        Each statement sees a table at one moment. Where a file that it needs was removed meanwhile, it runs again.

        Raises:
            NotMirrored: There are tables, and an earlier release wrote them, which kept no mirror.
            StorageNotWritable: The mirror can't be read.
            MirrorDamaged, MirrorBusy: By a statement: a file can't be read, or files are removed all the time.
        """
        with explained(self._layout.root):
            if not self._layout.is_complete:
                if warehouse_file(self.home).exists():
                    raise NotMirrored(
                        f"{self.home} has tables, and no Parquet mirror of all of them: an earlier release wrote it. "
                        f"Run mlreg mirror, or wait for the next hourly run, which writes it."
                    )
                yield Tables(None, self._layout.root)
                return
            tables = MirroredTables(self._layout)
            try:
                yield tables
            finally:
                tables.close()

    def behind(self) -> dict[str, list[str]]:
        """By table the days of which rows were stored that the mirror may not have yet; `all`: any day.

        What is read after a table was none of them is not older than the tables were when this was asked.
        """
        with explained(self._layout.root):
            return {name: sorted(days) for name, days in sorted(self._layout.behind().items())}

    def newest(self, table: str | None = None) -> datetime | None:
        """When the mirror was last written; None where it holds nothing.

        Args:
            table: Of this table alone.
        """
        with explained(self._layout.root):
            names = self._layout.names() if table is None else [table]
            version = max((self._layout.pieces(name).version for name in names), default=0)
        return datetime.fromtimestamp(version / 1e3, UTC) if version else None


class MirroredTables(Tables):
    """The tables of a mirror; a view is made for a table once a statement names it.

    A view names its files, which do not change: what is read later within the same use is as of the same moment, unless
    a file was removed since.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__(connect(reaches=[layout.root]), layout.root)
        self._layout = layout
        self._views: set[str] = set()
        self._own.execute("SET parquet_metadata_cache = true")

    @property
    def _own(self) -> duckdb.DuckDBPyConnection:
        assert self._connection is not None  # noqa: S101 - opened above
        return self._connection

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection, with a view for every table; its statements are not run again where a file was removed."""
        self._look_at(self._layout.names())
        return self._own

    def close(self) -> None:
        """End the use."""
        self._own.close()

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns; none where it is not there yet."""
        found = self._layout.columns(table)
        return list(found.types) if found else []

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The result of a reading statement; see `Tables.rows`."""
        return self._run(sql, lambda: self._own.execute(sql).fetchall())

    def frame(self, sql: str, parameters: Mapping[str, object] | None = None) -> "pd.DataFrame":
        """The result of a reading statement on a table that is there, as a frame."""
        return self._run(sql, lambda: self._own.execute(sql, dict(parameters or {})).df())

    def _run(self, sql: str, statement: Callable[[], _Result]) -> _Result:
        names = [name for name in self._layout.names() if name in sql]
        for attempt in range(_ATTEMPTS):
            try:
                self._look_at(names)
                return statement()
            except duckdb.IOException as error:
                if "No such file" not in str(error) and "No files found" not in str(error):
                    raise self._damaged(names, error) from error
                self._views.difference_update(names)
                time.sleep(attempt * _PAUSE_S)
            except duckdb.InvalidInputException as error:
                raise (self._damaged(names, error) if ".parquet" in str(error) else error) from error
        raise MirrorBusy(
            f"Files of the mirror in {self._layout.root} were removed each time they were to be read. Try it again; "
            f"if it goes on, run mlreg doctor."
        )

    def _look_at(self, names: Iterable[str]) -> None:
        """Make the views of tables that have none yet."""
        for name in set(names) - self._views:
            pieces = self._layout.pieces(name)
            if (columns := self._layout.columns(name)) is not None:  # asked after them: they have these columns at most
                rows = selection(self._layout, name, columns, pieces)
                self._own.execute(f'CREATE OR REPLACE VIEW "{name}" AS {rows}')
                self._views.add(name)

    def _damaged(self, names: list[str], error: duckdb.Error) -> MirrorDamaged:
        return MirrorDamaged(
            f"The Parquet mirror of {', '.join(names)} in {self._layout.root} can't be read ({error}). Run mlreg "
            f"mirror, which writes it again from the tables."
        )


def selection(layout: Layout, table: str, columns: Columns, pieces: Pieces) -> str:
    """SQL of a table's rows: of its months, but for days that have files of their own, and of those."""
    shown = ", ".join(f'"{name}"' for name in columns.types)
    empty = ", ".join(f'NULL::{sql_type} AS "{name}"' for name, sql_type in columns.types.items())
    parts = [f"SELECT {empty} WHERE false"]
    grown = ", union_by_name = true" if columns.grown else ""
    newer = {month_of(day) for day in pieces.days}  # than the month's file, where there is one
    whole = [piece for month, piece in sorted(pieces.months.items()) if month not in newer]
    partly = [piece for month, piece in sorted(pieces.months.items()) if month in newer]
    without = _without(columns.time, [day for day in sorted(pieces.days) if month_of(day) in pieces.months])
    for files, where in ((whole, ""), (partly, without), ([pieces.days[day] for day in sorted(pieces.days)], "")):
        if files:
            paths = ", ".join(quoted(escape(str(layout.path(table, piece)))) for piece in files)
            parts.append(f"SELECT {'*' if grown else shown} FROM read_parquet([{paths}]{grown}){where}")  # noqa: S608
    return " UNION ALL BY NAME ".join(parts)


def _without(time: str | None, days: list[str]) -> str:
    listed = ", ".join(f"TIMESTAMPTZ '{day} 00:00:00+00'" for day in days)
    return f" WHERE date_trunc('day', \"{time}\") NOT IN ({listed})"


def quoted(text: str) -> str:
    """A text as SQL."""
    return "'{}'".format(text.replace("'", "''"))
