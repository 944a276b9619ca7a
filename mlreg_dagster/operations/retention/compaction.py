"""The DuckDB file written anew: a file that rows were deleted from keeps its size, a copy of it does not."""

import os
from pathlib import Path

import duckdb

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse


class CompactionFailed(MlregError):
    """The copy is not what was copied; the file is as it was."""


def free_share(warehouse: DuckDBWarehouse) -> float:
    """Which share of the file's blocks holds nothing."""
    with warehouse.connect() as connection:
        total, free = connection.execute("SELECT total_blocks, free_blocks FROM pragma_database_size()").fetchall()[0]
    return float(free / total) if total else 0.0


def compact(warehouse: DuckDBWarehouse) -> int:
    """Copy all tables into a new file and let it take the old one's place; all others wait meanwhile.

    Whenever the process is killed, the old file or the new one is there, whole.

    Returns:
        By how many bytes the file shrank.

    Raises:
        CompactionFailed: The copy differs.
        WarehouseBusy, StorageFull, StorageNotWritable, StorageDamaged: Nothing was changed.
    """
    path, draft = warehouse.path, warehouse.file.draft
    with warehouse.connect() as connection:
        connection.execute("CHECKPOINT")  # what a killed process left in the write-ahead log
        before = path.stat().st_size
        _remove(draft)
        try:
            _copy(connection, draft)
            draft.chmod(private_files.OF_FILES)
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
            draft.replace(path)  # while DuckDB still locks the old file: nobody can write into it in between
        except BaseException:
            _remove(draft)
            raise
    return before - path.stat().st_size


def _copy(connection: duckdb.DuckDBPyConnection, draft: Path) -> None:
    (source,) = connection.execute("SELECT current_database()").fetchall()[0]
    connection.execute("ATTACH '{}' AS compacted".format(str(draft).replace("'", "''")))
    connection.execute(f'COPY FROM DATABASE "{source}" TO compacted')
    listed = "SELECT table_name FROM duckdb_tables() WHERE database_name = $name ORDER BY 1"
    for (table,) in connection.execute(listed, {"name": source}).fetchall():
        told = [
            connection.execute(f'SELECT count(*), bit_xor(hash(t)) FROM "{name}"."{table}" AS t').fetchall()  # noqa: S608
            for name in (source, "compacted")
        ]
        if told[0] != told[1]:
            raise CompactionFailed(f"The copy of {table} differs from it. Nothing was changed; run mlreg doctor.")
    connection.execute("DETACH compacted")


def _remove(draft: Path) -> None:
    for path in (draft, draft.with_name(f"{draft.name}.wal")):
        path.unlink(missing_ok=True)
