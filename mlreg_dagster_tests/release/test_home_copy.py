"""A copy of a home is whole, and keeps everything itself."""

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from mlreg_dagster.config.places import own_registry_url
from mlreg_dagster.core.hours import hour_range
from mlreg_dagster.registry import Registry
from mlreg_dagster.release.home_copy import NotCopied, copy_home
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.registry.builders import register
from mlreg_dagster_tests.storage.warehouse.sample_table import SAMPLE, sample_rows


@pytest.fixture
def home(own_home: Path) -> Path:
    register(Registry(own_registry_url(own_home)), "v1")
    open_artifacts(str(own_home / "artifacts")).freeze("models", "v1", {"manifest.json": b"{}"})
    return own_home
