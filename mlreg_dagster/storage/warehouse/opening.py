"""Opens the tables of a home, wherever they are: its own DuckDB file, or the lake that MLREG_TABLES names."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlreg_dagster.config.places import tables_url, warehouse_file
from mlreg_dagster.storage.warehouse.reader import NotKept, Tables, WarehouseReader

if TYPE_CHECKING:
    from mlreg_dagster.storage.warehouse.lake import Lake
    from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse

WAIT_S = 60.0


def open_warehouse(home: Path, lock_timeout_s: float = WAIT_S, stay_open: bool = False) -> "SqlWarehouse":
    """The tables of a home; nothing is opened or made yet.

    Args:
        home: The data home.
        lock_timeout_s: How long, in seconds, to wait for another process.
        stay_open: Whether a file stays open between uses; see `GuardedFile`.

    Raises:
        ConfigError: MLREG_TABLES names no lake that can be meant.
    """
    if (url := tables_url(home)) is not None:
        return warehouse_of(url, lock_timeout_s)
    from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse

    return DuckDBWarehouse(warehouse_file(home), lock_timeout_s, stay_open)


def warehouse_of(url: str, lock_timeout_s: float = WAIT_S) -> "SqlWarehouse":
    """The tables of a lake; raises what `open_warehouse` does."""
    from mlreg_dagster.storage.warehouse.lake import open_lake
    from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse

    return SqlWarehouse(open_lake(url, lock_timeout_s))


def lake_of(tables: "SqlWarehouse") -> "Lake | None":
    """The lake that keeps the tables; None: a file does."""
    if tables.mirror is not None:
        return None
    from mlreg_dagster.storage.warehouse.lake import Lake

    return tables.guard if isinstance(tables.guard, Lake) else None


def lake_of_home(home: Path, lock_timeout_s: float = WAIT_S) -> "Lake | None":
    """The lake that keeps the tables of a home; None: a file does. Nothing is opened yet.

    Raises:
        ConfigError: MLREG_TABLES names no lake that can be meant.
    """
    if (url := tables_url(home)) is None:
        return None
    from mlreg_dagster.storage.warehouse.lake import open_lake

    return open_lake(url, lock_timeout_s)


@contextmanager
def open_tables(home: Path, lock_timeout_s: float = WAIT_S) -> Iterator[Tables]:
    """The tables of a home for reading from outside the graph, without pandas; nothing is made.

    Raises:
        ConfigError: MLREG_TABLES names no lake that can be meant.
        WarehouseBusy: A process kept the file for longer than `lock_timeout_s`; it is named.
        StorageNotWritable, StorageDamaged: They can't be read.
    """
    lake = lake_of_home(home, lock_timeout_s)
    with (lake or WarehouseReader(warehouse_file(home), lock_timeout_s)).tables() as tables:
        yield tables


def tables_exist(home: Path) -> bool:
    """Whether tables were made already."""
    return (lake_of_home(home) or warehouse_file(home)).exists()


@contextmanager
def open_tables_as_of(home: Path, time: datetime) -> Iterator[Tables]:
    """The tables of a home as they were stored at a time, for reading; a later repair does not show.

    Args:
        home: The data home.
        time: In UTC.

    Raises:
        NotKept: A file keeps the tables, which forgets what it held; or the lake does not go back so far.
        ConfigError: MLREG_TABLES names no lake that can be meant.
        LakeUnavailable: The lake can't be reached.
    """
    if (lake := lake_of_home(home)) is None:
        raise NotKept(
            f"{warehouse_file(home)} keeps the tables as they are now, and not as they were stored at "
            f"{time.isoformat()}: only a lake does (MLREG_TABLES). Ask without a time."
        )
    from mlreg_dagster.storage.warehouse.lake.history import as_of

    with as_of(lake, time) as then, then.connect_read_only() as connection:
        yield Tables(connection, f"{lake.place} as of {time.isoformat()}")
