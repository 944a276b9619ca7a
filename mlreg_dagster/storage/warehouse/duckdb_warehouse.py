"""The embedded warehouse: all tables in one DuckDB file, whose writes leave a Parquet mirror beside it."""

from pathlib import Path

from mlreg_dagster.config.places import mirror_root
from mlreg_dagster.storage.parquet_mirror.writer import TableMirror
from mlreg_dagster.storage.warehouse.guarded_file import GuardedFile
from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse


class DuckDBWarehouse(SqlWarehouse):
    """The tables in one DuckDB file, which is opened for a short time each.

    Args:
        path: The file; it is made when first needed.
        lock_timeout_s: How long, in seconds, to wait for another process.
        stay_open: Whether the file stays open between uses; see `GuardedFile`.

    Attributes:
        file: The file, and who may open it.
        mirror: What readers outside of the graph read.
    """

    mirror: TableMirror

    def __init__(self, path: str | Path, lock_timeout_s: float = 60.0, stay_open: bool = False) -> None:
        mirror = TableMirror(mirror_root(Path(path).parent))
        self.file = GuardedFile(
            path,
            lock_timeout_s,
            stay_open,
            on_open=self.forget,
            on_make=mirror.begin,
            reaches=[mirror.layout.root],
        )
        super().__init__(self.file, mirror)

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path
