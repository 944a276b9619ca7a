"""A small table of features of a random market full of holes, for what reads such a table."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pandas as pd

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.market.features.features import compute_features, features_table
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.market.frames import at, hours_at, random_market

SETTINGS = FeatureSettings(lag_hours=(1,), rolling_hours=(6,))
TABLE = features_table(SETTINGS)
LENGTH = 240

hour = at


@cache
def rows(seed: int = 0) -> pd.DataFrame:
    """The rows of all hours."""
    return compute_features(random_market(seed, LENGTH), hours_at(0, LENGTH - 1), SETTINGS, 168)


def store(folder: Path, offsets: Iterable[int], seed: int = 0) -> DuckDBWarehouse:
    """The tables of a folder, with the rows of some hours written to them."""
    tables = DuckDBWarehouse(folder / "warehouse.duckdb")
    hours = [hour(offset) for offset in offsets]
    frame = rows(seed)
    tables.write(TABLE, frame[frame["hour"].isin(hours)], hours)
    return tables
