"""Writes the mirror from the tables, while the writer of the tables holds their lock.

What is written is always asked of the tables, never what a step has just computed: so no order of processes, no repair
and no deletion can leave other rows in the mirror than in the tables. Days are marked before their rows are stored, and
the marks go once the files are there: a process that is killed in between leaves marks, the next write follows them,
and readers know until then which days are behind.
"""

import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import duckdb

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.mirror import draft_of
from mlreg_dagster.storage.parquet_mirror.layout import ALL, Columns, Layout, bounds, month_of
from mlreg_dagster.storage.parquet_mirror.reader import quoted

_log = logging.getLogger(__name__)

LOOSE_DAYS = 8
"""So many days of a month that has ended lie beside it, at most, before they are put into its file."""

_TIMES = ("hour", "day")
_FAULTS = (MlregError, OSError, duckdb.Error)


class TableMirror:
    """The mirror of the tables of one home, for their writer.

    Args:
        root: Its folder; it is made when first needed.
    """

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self._is_marked = False

    def begin(self) -> None:
        """Mirror tables that have just been made, of which there is none yet."""
        try:
            with explained(self.layout.root):
                self.layout.set_incomplete()
                shutil.rmtree(self.layout.tables, ignore_errors=True)  # of other tables, which were moved away
                self.layout.set_behind({})
                self.layout.set_complete()
        except _FAULTS as error:
            _log.error("The Parquet mirror in %s can't be begun: %s", self.layout.root, error)

    def mark(self, table: str, days: Iterable[str]) -> None:
        """Say that rows of these days are going to be stored."""
        self._is_marked = True
        try:
            with explained(self.layout.root):
                behind = self.layout.behind()
                marked = behind.get(table, frozenset()) | frozenset(days)
                if marked != behind.get(table):
                    self.layout.set_behind(behind | {table: marked})
        except _FAULTS as error:
            _log.error("The Parquet mirror will not know that %s was written: %s", table, error)

    def follow(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Write what is marked, by this process or one that was killed; a mirror that can't be written fails nothing.

        Args:
            connection: To the tables, under their lock, with no transaction open.
        """
        if not self._is_marked:
            return
        self._is_marked = False
        try:
            self.write(connection)
        except _FAULTS as error:
            _log.error("The rows are stored, their Parquet mirror is behind until the next write: %s", error)

    def write(self, connection: duckdb.DuckDBPyConnection, *, everything: bool = False) -> None:
        """Write what is marked; every table, where not all of them are mirrored yet.

        Args:
            connection: To the tables, under their lock.
            everything: Write every table as a whole.

        Raises:
            StorageFull, StorageNotWritable: What is not written is marked.
        """
        with explained(self.layout.root):
            behind, whole = self.layout.behind(), everything or not self.layout.is_complete
            if whole:
                behind = {name: frozenset([ALL]) for name in {*_stored_tables(connection), *self.layout.names()}}
                self.layout.set_behind(behind)
            while behind:
                name, days = next(iter(behind.items()))
                _TableWriter(self.layout, name, connection).write(days)
                behind = {other: marked for other, marked in behind.items() if other != name}
                self.layout.set_behind(behind)
            if whole:
                self.layout.set_complete()


class _TableWriter:
    """Writes files of one table."""

    def __init__(self, layout: Layout, table: str, connection: duckdb.DuckDBPyConnection) -> None:
        self._layout, self._table, self._connection = layout, table, connection
        self._time: str | None = None

    def write(self, days: frozenset[str]) -> None:
        """Write days, `ALL` of them, or what has to be written for the table to have one shape."""
        folder, types = self._layout.tables / self._table, self._types()
        if not types:
            shutil.rmtree(folder, ignore_errors=True)
            return
        known = self._layout.columns(self._table)
        self._time = time = next((each for each in _TIMES if types.get(each) == "TIMESTAMP WITH TIME ZONE"), None)
        gains = known is not None and known.time == time and list(types.items())[: len(known.types)] == [
            *known.types.items()
        ]  # fmt: skip
        whole = not gains or ALL in days
        if known is None or known.types != types:
            grown = gains and known is not None
            self._layout.set_columns(self._table, Columns(types, time, grown))  # before files that have them
        private_files.make_folder(folder)
        if time is None:
            self._put(ALL, "true")
        else:
            self._write_days(self._all_days() if whole else days)
        if whole:
            self._layout.set_columns(self._table, Columns(types, time))

    def _write_days(self, days: frozenset[str]) -> None:
        there = self._layout.pieces(self._table)
        of_months: dict[str, set[str]] = {}
        for day in days:
            of_months.setdefault(month_of(day), set()).add(day)
        before = max([*there.months, *map(month_of, there.days)], default="")
        newest = max([before, *of_months], default="")
        if newest > before:  # the months before have ended
            for day in there.days:
                of_months.setdefault(month_of(day), set())
        for month, changed in sorted(of_months.items()):
            loose = changed | {day for day in there.days if month_of(day) == month}
            has_ended = month < newest
            if has_ended and (newest > before or len(loose) >= LOOSE_DAYS):
                self._put_month(month, loose)
                continue
            is_left = month in there.months
            for day in sorted(changed):
                if not self._put(day, self._within(day)) and is_left:  # its rows are still in the month's file
                    self._put_month(month, loose)
                    break

    def _put_month(self, month: str, loose: Iterable[str]) -> None:
        """Write the file of a month, then remove those of its days, which hold the same or older rows."""
        self._put(month, self._within(month), "zstd")
        for day in loose:
            self._layout.path(self._table, day).unlink(missing_ok=True)

    def _put(self, piece: str, where: str, compression: str = "snappy") -> bool:
        """Put the rows of a day or month in the place of its file; without rows there is none.

        Returns:
            Whether there are rows.
        """
        path = self._layout.path(self._table, piece)
        draft = path.with_name(draft_of(path.name))
        try:
            private_files.write(draft, b"")
            found = self._connection.execute(
                f'COPY (SELECT * FROM "{self._table}" WHERE {where}) TO {quoted(str(draft))} '  # noqa: S608
                f"(FORMAT parquet, COMPRESSION {compression}, USE_TMP_FILE false)"
            ).fetchall()
            if not found[0][0]:
                path.unlink(missing_ok=True)
                return False
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(path)
            return True
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def _within(self, piece: str) -> str:
        first, end = (f"TIMESTAMPTZ '{each} 00:00:00+00'" for each in bounds(piece))
        return f'"{self._time}" >= {first} AND "{self._time}" < {end}'

    def _all_days(self) -> frozenset[str]:
        """The days that have rows in the table, or files."""
        sql = f'SELECT DISTINCT strftime("{self._time}", \'%Y-%m-%d\') FROM "{self._table}"'  # noqa: S608
        there = self._layout.pieces(self._table)
        firsts = {f"{month}-01" for month in there.months}
        return frozenset({day for (day,) in self._connection.execute(sql).fetchall()} | there.days.keys() | firsts)

    def _types(self) -> dict[str, str]:
        """The columns of the stored table; none where there is no table."""
        with suppress(duckdb.CatalogException):
            described = self._connection.execute(f'DESCRIBE "{self._table}"').fetchall()
            return {name: sql_type for name, sql_type, *_ in described}
        return {}


def _stored_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    sql = "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND NOT temporary"
    return [name for (name,) in connection.execute(sql).fetchall()]


def day_names(partitions: Iterable[object]) -> Mapping[str, None]:
    """The names of the days in which partitions lie; `ALL` for those that are no times."""
    return dict.fromkeys(f"{each:%Y-%m-%d}" if hasattr(each, "hour") else ALL for each in partitions)
