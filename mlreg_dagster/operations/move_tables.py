"""Moves the tables of a home from their file into the lake that MLREG_TABLES names: the first step to many hosts."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import duckdb

from mlreg_dagster.config.places import TABLES, mirror_root, tables_url, warehouse_file
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage.warehouse.guarded_file import GuardedFile
from mlreg_dagster.storage.warehouse.opening import open_warehouse
from mlreg_dagster.storage.warehouse.table_copy import content_of, copy_table, table_names

_MOVED = "moved"


class NotMoved(MlregError):
    """The tables can't be moved; the file and the lake are as they were."""


@dataclass(frozen=True)
class Move:
    """What was moved.

    Attributes:
        lake: Where the tables are now, without a password.
        rows: Of each table.
        kept: The file that held them before; it is not used any more.
    """

    lake: str
    rows: dict[str, int]
    kept: Path


def move_tables(home: Path) -> Move:
    """Copy all tables into the lake, in one transaction, and set their file and its mirror aside under other names.

    The file is locked meanwhile. A process that is killed leaves the lake empty or whole; running it again goes on.

    Args:
        home: The data home; nothing else works on it.

    Raises:
        NotMoved: No lake is named, the lake holds other tables, or there is no file.
        CopyDiffers: A copy was not what was copied.
        WarehouseBusy: A process kept the tables.
        LakeUnavailable: The lake can't be reached.
        StorageFull, StorageNotWritable, StorageDamaged: A disk or file is at fault.
    """
    file, mirror = warehouse_file(home), mirror_root(home)
    aside, mirror_aside = (path.with_name(f"{path.name}.{_MOVED}") for path in (file, mirror))
    if tables_url(home) is None:
        raise NotMoved(f"{TABLES} names no lake for {home}. Set it to the lake that is to keep the tables.")
    if not file.exists():
        raise NotMoved(f"There is no {file}, so that there are no tables to move. The first run of an hour makes them.")
    if aside.exists():
        raise NotMoved(f"{aside} is there already: tables were moved before. Move it away, then run this again.")
    lake, old = open_warehouse(home), GuardedFile(file)
    with old.session(), lake.session(), ExitStack() as stack:
        source = stack.enter_context(old.connect())
        source.execute("CHECKPOINT")  # so that no log is left beside the file
        names = table_names(source)
        for name in names:
            stack.enter_context(lake.guard.writing(name))
        target = stack.enter_context(lake.connect())
        if not _were_copied(source, target, lake.place):
            _copy(source, target, names)
        rows = {name: content_of(target, name)[0] for name in names}
        if mirror.exists():
            mirror.replace(mirror_aside)
        file.replace(aside)  # while it is locked: no process can write into it in between
    return Move(lake.place, rows, aside)


def _were_copied(source: duckdb.DuckDBPyConnection, target: duckdb.DuckDBPyConnection, place: str) -> bool:
    """Whether a process that was killed afterwards has copied all tables already; not so where the lake is empty."""
    there = table_names(target)
    if not there:
        return False
    names = table_names(source)
    if there == names and all(content_of(source, name) == content_of(target, name) for name in names):
        return True
    raise NotMoved(
        f"The lake {place} holds tables already ({', '.join(there)}), and tables are moved into an empty one alone. "
        f"Name another catalog in {TABLES}."
    )


def _copy(source: duckdb.DuckDBPyConnection, target: duckdb.DuckDBPyConnection, names: list[str]) -> None:
    target.begin()
    try:
        for name in names:
            copy_table(source, target, name)
    except BaseException:
        target.rollback()
        raise
    target.commit()
