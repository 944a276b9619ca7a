"""Reads the mirror: tables under their names in a database in memory, without the lock of the tables."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from mlreg_dagster.config.places import mirror_root, warehouse_file
from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.parquet_mirror.layout import Columns, Layout, Pieces, month_of
from mlreg_dagster.storage.warehouse.duckdb_access import connect
from mlreg_dagster.storage.warehouse.reader import Tables

if TYPE_CHECKING:
    import pandas as pd

_PATIENCE_S = 30.0
_PAUSE_S = 0.01


class NotMirrored(MlregError):
    """The home has tables, and no mirror of them yet."""


class MirrorDamaged(MlregError):
    """A file of the mirror can't be read."""


class MirrorBusy(TransientError):
    """The mirror was written all the time while it was read."""


class MirrorReader:
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

        Each statement sees every table at one moment, that of its own start or later.

        Raises:
            NotMirrored: There are tables, and an earlier release wrote them, which kept no mirror.
            StorageNotWritable: The mirror can't be read.
            MirrorDamaged, MirrorBusy: As a statement runs: a file of it can't be read, or is replaced all the time.
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
            with MirroredTables(self._layout) as tables:
                yield tables

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
            written = max((self._layout.pieces(name).written_at() for name in names), default=0)
        return datetime.fromtimestamp(written / 1e9, UTC) if written else None

    def age(self, table: str | None = None, now: datetime | None = None) -> timedelta | None:
        """How long ago the mirror was last written; None where it holds nothing.

        Args:
            table: Of this table alone.
            now: None: the machine's time.
        """
        newest = self.newest(table)
        return None if newest is None else (now or datetime.now(UTC)) - newest


@dataclass(frozen=True)
class _Seen:
    """What a view was made of."""

    columns: Columns | None
    pieces: Pieces


class MirroredTables(Tables):
    """The tables of a mirror; a view is made for a table once a statement names it.

    Files are replaced and removed while they are read. A statement whose files are not the same afterwards as before
    is run again, so that no result is made of two states.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__(None, layout.root)
        self._layout = layout
        self._views: dict[str, _Seen] = {}

    def __enter__(self) -> "MirroredTables":
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns; none where it is not there yet."""
        found = self._layout.columns(table)
        return list(found.types) if found else []

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The result of a reading statement; see `Tables.rows`."""
        return self._steady(sql, lambda connection: connection.execute(sql).fetchall())  # type: ignore[no-any-return]

    def frame(self, sql: str, parameters: Mapping[str, object] | None = None) -> "pd.DataFrame":
        """The result of a reading statement on a table that is there, as a frame."""
        return self._steady(  # type: ignore[no-any-return]
            sql, lambda connection: connection.execute(sql, dict(parameters or {})).df()
        )

    def _open(self) -> None:
        """A connection that remembers nothing of files which were replaced."""
        if self._connection is not None:
            self._connection.close()
        self._views.clear()
        self._connection = connect(reaches=[self._layout.root])
        self._connection.execute("SET parquet_metadata_cache = true")

    def _steady(self, sql: str, run: Any) -> Any:
        names = [name for name in self._layout.names() if name in sql]
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            error = None
            try:
                for name in names:
                    self._make_view(name)
                result = run(self._connection)
            except duckdb.Error as raised:
                error = raised
            if all(self._views.get(name) == self._seen(name) for name in names):
                if error is not None:
                    raise self._explained(error, names) from error
                return result
            if time.monotonic() > deadline:
                raise MirrorBusy(f"{self._layout.root} was written for {_PATIENCE_S:g} s on end. Try it again.")
            time.sleep(_PAUSE_S)
            self._open()

    def _seen(self, name: str) -> _Seen:
        return _Seen(self._layout.columns(name), self._layout.pieces(name))

    def _make_view(self, name: str) -> None:
        if name in self._views:
            return
        self._views[name] = seen = self._seen(name)
        if seen.columns is not None:
            assert self._connection is not None  # noqa: S101 - opened
            rows = selection(self._layout, name, seen.columns, seen.pieces)
            self._connection.execute(f'CREATE VIEW "{name}" AS {rows}')

    def _explained(self, error: duckdb.Error, names: list[str]) -> Exception:
        if not isinstance(error, duckdb.IOException | duckdb.InvalidInputException) or ".parquet" not in str(error):
            return error
        return MirrorDamaged(
            f"The Parquet mirror of {', '.join(names)} in {self._layout.root} can't be read ({error}). Run mlreg "
            f"mirror, which writes it again from the tables."
        )


def selection(layout: Layout, table: str, columns: Columns, pieces: Pieces) -> str:
    """SQL of a table's rows: of its months, but for days that have files of their own, and of those."""
    shown = ", ".join(f'"{name}"' for name in columns.types)
    empty = ", ".join(f'NULL::{sql_type} AS "{name}"' for name, sql_type in columns.types.items())
    parts = [f"SELECT {empty} WHERE false"]
    replaced = {month_of(day) for day in pieces.days} & pieces.months.keys()
    grown = ", union_by_name = true" if columns.grown else ""
    for names, where in (
        (sorted(pieces.months.keys() - replaced), ""),
        (sorted(replaced), _without(columns.time, [day for day in sorted(pieces.days) if month_of(day) in replaced])),
        (sorted(pieces.days), ""),
    ):
        if names:
            files = ", ".join(quoted(escape(str(layout.path(table, name)))) for name in names)
            parts.append(f"SELECT {'*' if grown else shown} FROM read_parquet([{files}]{grown}){where}")  # noqa: S608
    return " UNION ALL BY NAME ".join(parts)


def _without(time: str | None, days: list[str]) -> str:
    listed = ", ".join(f"TIMESTAMPTZ '{day} 00:00:00+00'" for day in days)
    return f" WHERE date_trunc('day', \"{time}\") NOT IN ({listed})"


def quoted(text: str) -> str:
    """A text as SQL."""
    return "'{}'".format(text.replace("'", "''"))
