"""Keeps a lake small: merges its files, forgets old snapshots, and removes files that nothing names any more.

Each step is a transaction of its own, so that a process that is killed at any moment loses nothing, and the next one
goes on. Readers never wait; writers of a table wait while its files are merged, one merged file at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from mlreg_dagster.storage.advisory_lock import AdvisoryLock, LockBusy
from mlreg_dagster.storage.warehouse.lake.attachment import NAME, SNAPSHOTS
from mlreg_dagster.storage.warehouse.lake.guard import Lake
from mlreg_dagster.storage.warehouse.process_lock import WarehouseBusy
from mlreg_dagster.storage.warehouse.reader import time_column

CATALOG = f"__ducklake_metadata_{NAME}.public"
"""The tables of the catalog, as DuckDB names them."""

GRACE = timedelta(days=1)
"""No statement takes so long: files that nothing names any more, for so long, are read and written by nobody."""

_SMALL_BYTES = 256 << 20  # half of the size up to which DuckLake merges: two such files fit into one
_DELETED_SHARE = 0.05  # of a file's rows, from which it is written again without them


@dataclass(frozen=True)
class TableFiles:
    """The files of a table, as of now.

    Attributes:
        name: Of the table.
        files: How many files hold its rows.
        size: Of these, bytes.
        mergeable: How many of them are small, and could be one.
        shrinkable: How many of them hold many rows that were deleted since.
    """

    name: str
    files: int
    size: int
    mergeable: int
    shrinkable: int

    @property
    def is_due(self) -> bool:
        """Whether fewer files could hold the rows."""
        return self.mergeable > 1 or self.shrinkable > 0


def table_files(connection: duckdb.DuckDBPyConnection) -> list[TableFiles]:
    """The files of each table, by name.

    Small files count as mergeable where at least two of them have the same columns, as those from before and after a
    table gained one are never merged.

    Args:
        connection: To the lake.
    """
    found = connection.execute(
        f"""
        WITH files AS (
            SELECT t.table_name AS name, f.data_file_id AS id, f.file_size_bytes AS size, f.record_count AS rows,
                (SELECT coalesce(sum(d.delete_count), 0) FROM {CATALOG}.ducklake_delete_file AS d
                 WHERE d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL) AS deleted,
                (SELECT max(v.begin_snapshot) FROM {CATALOG}.ducklake_schema_versions AS v
                 WHERE v.table_id = t.table_id AND v.begin_snapshot <= f.begin_snapshot) AS columns
            FROM {CATALOG}.ducklake_table AS t
            LEFT JOIN {CATALOG}.ducklake_data_file AS f ON f.table_id = t.table_id AND f.end_snapshot IS NULL
            WHERE t.end_snapshot IS NULL
        ), counted AS (
            SELECT name, columns, count(id) AS files, coalesce(sum(size), 0) AS size,
                count(*) FILTER (size < {_SMALL_BYTES} AND deleted = 0) AS small,
                count(*) FILTER (deleted > rows * {_DELETED_SHARE}) AS shrinkable
            FROM files GROUP BY ALL
        )
        SELECT name, sum(files)::BIGINT, sum(size)::BIGINT, coalesce(sum(small) FILTER (small > 1), 0)::BIGINT,
            sum(shrinkable)::BIGINT
        FROM counted GROUP BY ALL ORDER BY 1
        """  # noqa: S608 - our own names
    ).fetchall()
    return [TableFiles(*each) for each in found]


def merge(lake: Lake, table: str) -> None:
    """Let few files hold the rows of a table, as of now and as of every snapshot that is kept.

    Raises:
        WarehouseBusy: Another process wrote the table for long.
        LakeUnavailable, LakeConflict: What was merged so far stays.
    """
    files = next((each for each in _look(lake) if each.name == table), None)
    if files is not None and files.shrinkable:
        with _alone_with(lake, table) as connection:
            connection.execute(
                f"CALL ducklake_rewrite_data_files('{NAME}', '{table}', delete_threshold => {_DELETED_SHARE})"
            )
    while _merged(lake, table):
        pass


def _merged(lake: Lake, table: str) -> bool:
    with _alone_with(lake, table) as connection:
        done = connection.execute(
            f"CALL ducklake_merge_adjacent_files('{NAME}', '{table}', max_compacted_files => 1)"
        ).fetchall()
    return any(before > after for _, _, before, after in done)


def old_snapshots(connection: duckdb.DuckDBPyConnection, before: datetime) -> tuple[int, datetime | None]:
    """How many snapshots are not needed to say what the tables held at any time from `before` on, and up to when.

    The newest of those from before is needed, as it says what they held then.

    Returns:
        Their number, and the time of the first that is kept; None where there are none.
    """
    newest = f"SELECT max(snapshot_time) {SNAPSHOTS} WHERE snapshot_time <= $before"
    ((kept,),) = connection.execute(newest, {"before": before}).fetchall()
    if kept is None:
        return 0, None
    ((old,),) = connection.execute(
        f"SELECT count(*) {SNAPSHOTS} WHERE snapshot_time < $kept", {"kept": kept}
    ).fetchall()
    return old, kept


def snapshots(connection: duckdb.DuckDBPyConnection) -> tuple[int, datetime]:
    """How many snapshots are kept, and the time of the oldest."""
    ((number, oldest),) = connection.execute(f"SELECT count(*), min(snapshot_time) {SNAPSHOTS}").fetchall()
    return number, oldest


def named_files(connection: duckdb.DuckDBPyConnection) -> tuple[set[str], set[str]]:
    """The paths of the files that any snapshot needs, and of those that none needs and that wait to be removed."""
    root = f"(SELECT value FROM {CATALOG}.ducklake_metadata WHERE key = 'data_path')"  # noqa: S608 - our own names
    of_schema = f"if(s.path_is_relative, {root} || s.path, s.path)"
    of_table = f"if(t.path_is_relative, {of_schema} || t.path, t.path)"
    found = []
    for kind in ("data", "delete"):
        found += connection.execute(
            f"SELECT if(f.path_is_relative, {of_table} || f.path, f.path) FROM {CATALOG}.ducklake_{kind}_file AS f "  # noqa: S608
            f"JOIN {CATALOG}.ducklake_table AS t USING (table_id) JOIN {CATALOG}.ducklake_schema AS s USING (schema_id)"
        ).fetchall()
    waiting = connection.execute(
        f"SELECT if(path_is_relative, {root} || path, path) FROM {CATALOG}.ducklake_files_scheduled_for_deletion"  # noqa: S608
    ).fetchall()
    return {path for (path,) in found}, {path for (path,) in waiting}


def days_of(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """On how many days a table has rows; 0 where it has no hour and no day."""
    columns = {column for (column, *_) in connection.execute(f'DESCRIBE "{table}"').fetchall()}
    if (time := time_column(columns)) is None:
        return 0
    sql = f'SELECT count(DISTINCT date_trunc(\'day\', "{time}")) FROM "{table}"'  # noqa: S608
    return int(connection.execute(sql).fetchall()[0][0])


def expire(lake: Lake, before: datetime) -> None:
    """Forget the snapshots that `old_snapshots` counts; their files go once nobody can read them any more.

    Raises:
        WarehouseBusy: Another process does so.
        LakeUnavailable, LakeConflict: Nothing was done.
    """
    with _alone(lake) as connection:
        _, kept = old_snapshots(connection, before)
        if kept is not None:
            connection.execute(f"CALL ducklake_expire_snapshots('{NAME}', older_than => TIMESTAMPTZ '{kept}')")


def removable(connection: duckdb.DuckDBPyConnection, now: datetime) -> tuple[list[str], list[str]]:
    """Files that no snapshot names any more, and files that none ever named, as a writer that died leaves them.

    Both for longer than `GRACE`.
    """
    old, orphans = (
        [str(path) for (path, *_) in connection.execute(_removing(name, now, dry=True)).fetchall()]
        for name in ("cleanup_old_files", "delete_orphaned_files")
    )
    return old, orphans


def remove(lake: Lake, now: datetime) -> None:
    """Remove the files that `removable` names.

    Raises:
        WarehouseBusy: Another process does so.
        LakeUnavailable, LakeConflict: Some may be left.
    """
    with _alone(lake) as connection:
        for name in ("cleanup_old_files", "delete_orphaned_files"):
            connection.execute(_removing(name, now, dry=False))


def _removing(name: str, now: datetime, *, dry: bool) -> str:
    before = f"TIMESTAMPTZ '{now - GRACE}'"
    return f"CALL ducklake_{name}('{NAME}', dry_run => {str(dry).lower()}, older_than => {before})"


def _look(lake: Lake) -> list[TableFiles]:
    with lake.connect_read_only() as connection:
        return table_files(connection)


@contextmanager
def _alone_with(lake: Lake, table: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with lake.session(), lake.writing(table), lake.connect() as connection:
        yield connection


@contextmanager
def _alone(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection, while no other process clears the lake."""
    try:
        lock = AdvisoryLock(lake.address.catalog, "the clearing of the lake", lake.timeout_s)
        with lock.held(), lake.connect() as connection:
            yield connection
    except LockBusy as error:
        raise WarehouseBusy(str(error)) from None
