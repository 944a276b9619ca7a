"""A file of tables, and lakes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.opening import warehouse_of
from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse
from mlreg_dagster_tests.object_store import s3_server
from mlreg_dagster_tests.postgres import postgres_server
from mlreg_dagster_tests.storage.warehouse.lakes import drop_all, lake_url

__all__ = ["postgres_server", "s3_server"]


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    """Tables in a folder that is not there yet."""
    return DuckDBWarehouse(tmp_path / "blocks" / "warehouse.duckdb")


@pytest.fixture(scope="session")
def disk_lake(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a lake on a disk, which tests share: those that use it leave no tables there."""
    return lake_url(postgres_server, tmp_path_factory.mktemp("lake") / "tables")


@pytest.fixture
def lake(disk_lake: str) -> Iterator[SqlWarehouse]:
    """Tables in a lake on a disk; there are none yet."""
    tables = warehouse_of(disk_lake)
    yield tables
    drop_all(tables)
