"""Five quiet weeks of a market in memory, to plant faults into; and the tables of a frame or a file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from mlreg_dagster.config import FeatureSettings, IngestSettings, load_settings
from mlreg_dagster.core.hours import as_hour, hour_range
from mlreg_dagster.evidence.data_audit.audit import Scope, audit_tables
from mlreg_dagster.evidence.data_audit.facts import DataAudit
from mlreg_dagster.market.features.features import describe_features, features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.storage.warehouse import duckdb_access
from mlreg_dagster.storage.warehouse.reader import Tables

FEATURES = FeatureSettings(lag_hours=(1,), rolling_hours=(24,))
SETTINGS = load_settings().model_copy(update={"features": FEATURES, "ingest": IngestSettings(universe=10)})
FIRST, LAST = as_hour("2026-01-01"), as_hour("2026-02-04T23:00")
NOW = datetime(2026, 2, 5, 0, 30, tzinfo=UTC)
_INSTRUMENTS = [f"coin-{number:02}" for number in range(10)]


def quiet_market() -> dict[str, pd.DataFrame]:
    """Rows of market_snapshot and market_features; values of features are drawn, not computed."""
    rng = np.random.default_rng(7)
    hours = hour_range(FIRST, LAST)
    rows = len(hours) * len(_INSTRUMENTS)
    key = {"hour": hours.repeat(len(_INSTRUMENTS)), "instrument_id": np.tile(_INSTRUMENTS, len(hours))}
    snapshot = pd.DataFrame({**key, "symbol": "abc", "observed_at": key["hour"], "source": "simulated"})
    for name, column in MARKET_SNAPSHOT.columns.items():
        if column.dtype is float:
            snapshot[name] = np.exp(rng.normal(size=rows))
    features = pd.DataFrame({**key, "feature_settings": FEATURES.text})
    for name in describe_features(FEATURES):
        features[name] = rng.normal(size=rows)
    return {
        MARKET_SNAPSHOT.name: snapshot[list(MARKET_SNAPSHOT.columns)],
        "market_features": features[list(features_table(FEATURES).columns)],
    }


@contextmanager
def tables_of(rows: Mapping[str, pd.DataFrame], folder: Path | None = None) -> Iterator[Tables]:
    """The frames as tables, or as views of Parquet files in a folder."""
    with duckdb_access.connect(reaches=[folder] if folder else ()) as connection:
        for name, frame in rows.items():
            connection.register("frame", frame)
            if folder is None:
                connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM frame')
            else:
                connection.execute(f"COPY (SELECT * FROM frame) TO '{folder / name}.parquet' (FORMAT parquet)")
                connection.execute(f"CREATE VIEW \"{name}\" AS SELECT * FROM '{folder / name}.parquet'")
            connection.unregister("frame")
        yield Tables(connection, "memory")


def audited(rows: Mapping[str, pd.DataFrame], folder: Path | None = None, **scope: object) -> DataAudit:
    """The audit of frames."""
    with tables_of(rows, folder) as tables:
        return audit_tables(tables, SETTINGS, Scope(**scope), NOW)  # type: ignore[arg-type]
