"""A file of tables."""

from pathlib import Path

import pytest

from mlreg_dagster.storage.warehouse.warehouse import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Tables in a folder that is not there yet."""
    return Warehouse(tmp_path / "blocks" / "warehouse.duckdb")
