"""Writes the mirror from the tables, while the writer of the tables holds their lock.

What is written is always asked of the tables, never what a step has just computed: so no order of processes, no repair
and no deletion can leave other rows in the mirror than in the tables. Days are marked before their rows are stored, and
the marks go once the files are there: a process that is killed in between leaves marks, the next write follows them,
and readers know until then which days are behind.
"""

import logging
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import duckdb

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.parquet_mirror.layout import ALL, Columns, Layout, Piece, Pieces, bounds, draft_of, month_of
from mlreg_dagster.storage.parquet_mirror.reader import quoted
from mlreg_dagster.storage.warehouse.reader import TIMES
from mlreg_dagster.storage.warehouse.table_copy import table_names

_log = logging.getLogger(__name__)

LOOSE_DAYS = 8
"""So many days of a month that has ended lie beside it, at most, before they are put into its file."""

GRACE_MS = 60_000
"""For so long what is superseded stays, for those who have begun to read it."""

_MOST_SUPERSEDED = 3
"""So many versions of a day, superseded one after the other within a shorter time, stay."""

_FAULTS = (MlregError, OSError, duckdb.Error)


class TableMirror:
    """The mirror of the tables of one home, for their writer.

    Args:
        root: Its folder; it is made when first needed.
    """

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self._marked: dict[str, frozenset[str]] = {}  # of this process, wherever marks can't be written
        self._purged: set[str] = set()

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
        wanted = frozenset(days)
        self._marked[table] = self._marked.get(table, frozenset()) | wanted
        try:
            with explained(self.layout.root):
                behind = self.layout.behind()
                marked = behind.get(table, frozenset()) | wanted
                if marked != behind.get(table):
                    self.layout.set_behind(behind | {table: marked})
        except _FAULTS as error:
            _log.error("The Parquet mirror will not know that %s was written: %s", table, error)

    def purge(self, table: str) -> None:
        """Keep nothing that the next `follow` supersedes: rows were deleted."""
        self._purged.add(table)

    def follow(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Write what is marked, by this process or one that was killed; a mirror that can't be written fails nothing.

        Args:
            connection: To the tables, under their lock, with no transaction open.
        """
        if not self._marked:
            return
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
            marked, whole = self.layout.behind(), everything or not self.layout.is_complete
            behind = {
                name: marked.get(name, frozenset()) | self._marked.get(name, frozenset())
                for name in marked | self._marked
            }
            if whole:
                behind = {name: frozenset([ALL]) for name in {*table_names(connection), *self.layout.names()}}
                self.layout.set_behind(behind)
            faults: list[Exception] = []
            for name, days in sorted(behind.items()):
                try:
                    _TableWriter(self.layout, name, connection).write(days, everything or name in self._purged)
                except _FAULTS as fault:  # the other tables can follow
                    faults.append(fault)
                    continue
                self._purged.discard(name)
                self._marked.pop(name, None)
                behind = {other: days for other, days in behind.items() if other != name}
                self.layout.set_behind(behind)
            if faults:
                raise faults[0]
            if whole:
                self.layout.set_complete()


class _TableWriter:
    """Writes files of one table."""

    def __init__(self, layout: Layout, table: str, connection: duckdb.DuckDBPyConnection) -> None:
        self._layout, self._table, self._connection = layout, table, connection
        self._time: str | None = None
        self._version = 0

    def write(self, days: frozenset[str], purge: bool) -> None:
        """Write days, `ALL` of them, or what has to be written for the table to have one shape.

        Args:
            days: Their names.
            purge: Remove what is superseded at once.
        """
        folder, types = self._layout.tables / self._table, self._types()
        if not types:
            shutil.rmtree(folder, ignore_errors=True)
            return
        self._time = next((each for each in TIMES if types.get(each) == "TIMESTAMP WITH TIME ZONE"), None)
        known = self._layout.columns(self._table)
        gains = known is not None and known.time == self._time and known.types.items() <= types.items()
        whole = not gains or ALL in days
        if known is None or known.types != types:  # before files that have them
            self._layout.set_columns(self._table, Columns(types, self._time, grown=known is not None))
        before = self._layout.pieces(self._table)
        self._version = max(before.version + 1, time.time_ns() // 1_000_000)
        if self._time is None:
            self._put(ALL, "true")
        else:
            self._write_days(before, self._all_days(before) if whole else days)
        if whole:
            self._layout.set_columns(self._table, Columns(types, self._time))
        self._remove_superseded(purge or whole)

    def _write_days(self, before: Pieces, days: frozenset[str]) -> None:
        of_months: dict[str, set[str]] = {}
        for day in days:
            of_months.setdefault(month_of(day), set()).add(day)
        known = max([*before.months, *map(month_of, before.days)], default="")
        newest = max([known, *of_months], default="")
        if newest > known:  # the months before have ended
            for day in before.days:
                of_months.setdefault(month_of(day), set())
        for month, changed in sorted(of_months.items()):
            loose = changed | {day for day in before.days if month_of(day) == month}
            if month < newest and (newest > known or len(loose) >= LOOSE_DAYS):
                self._put(month, self._within(month), "zstd")
                continue
            for day in sorted(changed):
                if not self._put(day, self._within(day)) and month in before.months:  # it still has the day's rows
                    self._put(month, self._within(month), "zstd")
                    break

    def _put(self, name: str, where: str, compression: str = "snappy") -> bool:
        """Write the rows of a day or month as its newest version; without rows there is none.

        Returns:
            Whether there are rows.
        """
        path = self._layout.path(self._table, Piece(self._version, name))
        draft = draft_of(path)
        try:
            private_files.write(draft, b"")
            found = self._connection.execute(
                f'COPY (SELECT * FROM "{self._table}" WHERE {where}) TO {quoted(str(draft))} '  # noqa: S608
                f"(FORMAT parquet, COMPRESSION {compression}, USE_TMP_FILE false)"
            ).fetchall()
            if not found[0][0]:
                self._remove(piece for piece in self._layout.pieces(self._table).all if piece.name.startswith(name))
                return False
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(path)
            self._version += 1
            return True
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def _remove_superseded(self, purge: bool) -> None:
        there, now = self._layout.pieces(self._table), time.time_ns() // 1_000_000
        kept: dict[str, int] = {}
        gone = []
        for piece in sorted(there.superseded, reverse=True):
            kept[piece.name] = kept.get(piece.name, 0) + 1
            if purge or kept[piece.name] > _MOST_SUPERSEDED or there.superseded[piece] < now - GRACE_MS:
                gone.append(piece)
        self._remove(gone)

    def _remove(self, pieces: Iterable[Piece]) -> None:
        """Remove files, the oldest first: none that is superseded counts again meanwhile."""
        for piece in sorted(pieces):
            self._layout.path(self._table, piece).unlink(missing_ok=True)

    def _within(self, piece: str) -> str:
        first, end = (f"TIMESTAMPTZ '{each} 00:00:00+00'" for each in bounds(piece))
        return f'"{self._time}" >= {first} AND "{self._time}" < {end}'

    def _all_days(self, before: Pieces) -> frozenset[str]:
        """The days that have rows in the table, or files."""
        sql = f'SELECT DISTINCT strftime("{self._time}", \'%Y-%m-%d\') FROM "{self._table}"'  # noqa: S608
        stored = {day for (day,) in self._connection.execute(sql).fetchall()}
        return frozenset(stored | before.days.keys() | {f"{month}-01" for month in before.months})

    def _types(self) -> dict[str, str]:
        """The columns of the stored table; none where there is no table."""
        with suppress(duckdb.CatalogException):
            described = self._connection.execute(f'DESCRIBE "{self._table}"').fetchall()
            return {name: sql_type for name, sql_type, *_ in described}
        return {}


def day_names(partitions: Iterable[object]) -> Mapping[str, None]:
    """The names of the days in which partitions lie; `ALL` for those that are no times."""
    return dict.fromkeys(f"{each:%Y-%m-%d}" if hasattr(each, "hour") else ALL for each in partitions)
