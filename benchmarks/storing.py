"""What it costs to store: an hour after the other, and a year of features at once.

    python benchmarks/storing.py [rounds] [hours] [days]

Medians of `rounds`, taking turns in one process. First so many hourly writes (default: 200) of 250 rows: as the tables
take them (lock, validation, transaction, file closed again), against DuckDB opened, written and closed without any of
that, kept open, and one Parquet file an hour. Then the features of so many days (default: 365) of 250 instruments:
computing them against storing them as the tables do, by one `CREATE TABLE`, and as a Parquet file.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from mlreg_dagster.config import FeatureSettings, SimulatedSettings
from mlreg_dagster.core.hours import HOUR, as_hour, chunked, hour_range
from mlreg_dagster.market.features.features import compute_features, features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse

START = as_hour("2025-01-01")
INSTRUMENTS = 250
LOOKBACK = 168
CHUNK = 744


def main(rounds: int = 5, hours: int = 200, days: int = 365) -> None:
    """Print both tables."""
    console = Console()
    opens = START - LOOKBACK * HOUR
    market = SimulatedMarket(SimulatedSettings(opens=opens), INSTRUMENTS)
    every = hour_range(opens, START + pd.Timedelta(days=days) - HOUR)
    now = every[-1] + 2 * HOUR
    snapshots = pd.concat([market.snapshots(chunk, now) for chunk in chunked(every, CHUNK)], ignore_index=True)
    console.print(hourly(rounds, [part for _, part in snapshots.groupby("hour")][:hours]))
    console.print(a_range(rounds, snapshots, every[LOOKBACK:]))


def hourly(rounds: int, frames: list[pd.DataFrame]) -> Table:
    ways = {
        "as the tables take them": _by_warehouse,
        "DuckDB opened and closed": _reopened,
        "DuckDB kept open": _kept_open,
        "a Parquet file, fsynced": _parquet_files,
    }
    seconds = timed(rounds, {name: partial(way, frames) for name, way in ways.items()})
    table = Table("", "ms each", "the tables take", title=f"{len(frames)} hourly writes of {len(frames[0])} rows")
    for name, spent in seconds.items():
        table.add_row(name, f"{1e3 * spent / len(frames):.1f}", f"{seconds['as the tables take them'] / spent:.1f}x")
    return table


def a_range(rounds: int, snapshots: pd.DataFrame, hours: pd.DatetimeIndex) -> Table:
    settings = FeatureSettings()
    target = features_table(settings)
    features = compute_features(snapshots, hours, settings, LOOKBACK)

    def by_warehouse(folder: Path) -> None:
        tables = DuckDBWarehouse(folder / "tables.duckdb")
        for chunk in chunked(hours, CHUNK):
            tables.write(target, features[features["hour"].between(chunk[0], chunk[-1])], chunk)

    def by_ctas(folder: Path) -> None:
        with duckdb.connect(str(folder / "ctas.duckdb")) as connection:
            connection.register("rows", features)
            connection.execute("CREATE TABLE features AS SELECT * FROM rows")
            connection.execute("CHECKPOINT")

    def by_parquet(folder: Path) -> None:
        table = pa.Table.from_pandas(features, preserve_index=False)
        pq.write_table(table, folder / "f.parquet", compression="zstd", use_dictionary=["instrument_id"])

    seconds = timed(
        rounds,
        {
            "computing": lambda _: compute_features(snapshots, hours, settings, LOOKBACK),
            "as the tables take them, in chunks": by_warehouse,
            "DuckDB, one CREATE TABLE AS": by_ctas,
            "one Parquet file, zstd": by_parquet,
        },
    )
    table = Table("", "s", "of computing", title=f"Features of {len(features):,} rows, {len(target.columns)} columns")
    for name, spent in seconds.items():
        table.add_row(name, f"{spent:.2f}", f"{spent / seconds['computing']:.1f}x")
    return table


def timed(rounds: int, ways: dict[str, Callable[[Path], object]]) -> dict[str, float]:
    """Median seconds of each way, in a folder of its own each time."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
                begun = perf_counter()
                way(Path(folder))
                spent[name].append(perf_counter() - begun)
    return {name: median(each) for name, each in spent.items()}


def _by_warehouse(frames: list[pd.DataFrame], folder: Path) -> None:
    tables = DuckDBWarehouse(folder / "tables.duckdb")
    for frame in frames:
        tables.write(MARKET_SNAPSHOT, frame, [frame["hour"].iloc[0]])


def _reopened(frames: list[pd.DataFrame], folder: Path) -> None:
    for frame in frames:
        with duckdb.connect(str(folder / "bare.duckdb")) as connection:
            _insert(connection, frame)


def _kept_open(frames: list[pd.DataFrame], folder: Path) -> None:
    with duckdb.connect(str(folder / "bare.duckdb")) as connection:
        for frame in frames:
            _insert(connection, frame)


def _insert(connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame) -> None:
    connection.register("rows", frame)
    connection.execute("CREATE TABLE IF NOT EXISTS snapshots AS SELECT * FROM rows WHERE false")
    connection.execute("INSERT INTO snapshots SELECT * FROM rows")


def _parquet_files(frames: list[pd.DataFrame], folder: Path) -> None:
    for number, frame in enumerate(frames):
        path = folder / f"{number}.parquet"
        with path.open("wb") as file:
            frame.to_parquet(file, index=False, compression="zstd")
            file.flush()
            os.fsync(file.fileno())


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:4]))
