"""A file of tables."""

from pathlib import Path

import pytest

from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    """Tables in a folder that is not there yet."""
    return DuckDBWarehouse(tmp_path / "blocks" / "warehouse.duckdb")
