"""The tables in a lake against the tables in a DuckDB file: hourly writes, and reads beside a busy writer.

    python benchmarks/lake.py [hours] [reads]

So many hourly writes (default: 60) of 250 rows of features take turns in one process: a DuckDB file that stays open, a
lake with its files on a disk, and one with its files in an object store. Then so many reads (default: 60) of 24 hours
from the lake, while nobody writes and while another process writes one hour after the other. PostgreSQL is a throw-away
server with fsync on; the object store is moto, a Python program: read its figures as an upper bound.
"""

import multiprocessing
import multiprocessing.synchronize
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table as Shown

from mlreg_dagster.config import SimulatedSettings, load_settings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.features.features import compute_features, features_table
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.opening import warehouse_of
from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse
from mlreg_dagster.storage.warehouse.tables import Table
from mlreg_dagster_tests.object_store import make_bucket, variables
from mlreg_dagster_tests.object_store import running_server as running_store
from mlreg_dagster_tests.postgres import running_server
from mlreg_dagster_tests.storage.warehouse.lakes import lake_url

START, LOOKBACK, INSTRUMENTS = as_hour("2025-01-01"), 168, 250
FILE, DISK, STORE = "a DuckDB file, kept open", "a lake on a disk", "a lake in an object store"


def main(hours: int = 60, reads: int = 60) -> None:
    """Print both tables."""
    table, frames = _frames(hours + 1)
    console = Console(width=110)
    with _places() as places:
        seconds: dict[str, list[float]] = {name: [] for name in places}
        for number, (hour, frame) in enumerate(frames):
            for name, (_, tables) in places.items():
                begun = perf_counter()
                tables.write(table, frame, [hour])
                if number:  # the first one attaches
                    seconds[name].append(perf_counter() - begun)
        _print(console, f"{hours} hourly writes of {INSTRUMENTS} rows", seconds, FILE)
        url, lake = places[DISK]
        last = frames[-1][0]
        read = {"while nobody writes": _reads(lake, table, last, reads)}
        stop = multiprocessing.get_context("spawn").Event()
        writer = multiprocessing.get_context("spawn").Process(target=_write_on, args=(url, last, stop))
        writer.start()
        written = len(lake.partitions(table))
        while len(lake.partitions(table)) == written:  # until it writes
            pass
        read["beside a writer"] = _reads(lake, table, last, reads)
        stop.set()
        writer.join()
        _print(console, f"{reads} reads of 24 hours from a lake on a disk", read, "while nobody writes")


def _frames(hours: int) -> tuple[Table, list[tuple[pd.Timestamp, pd.DataFrame]]]:
    """The features of consecutive hours."""
    settings = load_settings().features
    opens = START - LOOKBACK * HOUR
    every = hour_range(opens, START + (hours - 1) * HOUR)
    market = SimulatedMarket(SimulatedSettings(opens=opens), INSTRUMENTS)
    features = compute_features(market.snapshots(every, every[-1] + 2 * HOUR), every[LOOKBACK:], settings, LOOKBACK)
    return features_table(settings), [(hour, part) for hour, part in features.groupby("hour")]


@contextmanager
def _places() -> Iterator[dict[str, tuple[str, SqlWarehouse]]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(fsync=True) as server,
        running_store() as store,
    ):
        os.environ.update(variables(store))
        urls = {
            DISK: lake_url(server.url, Path(folder) / "lake"),
            STORE: lake_url(server.url, f"s3://{make_bucket(store)}/tables"),
        }
        yield {
            FILE: ("", DuckDBWarehouse(Path(folder) / "warehouse.duckdb", stay_open=True)),
            **{name: (url, warehouse_of(url)) for name, url in urls.items()},
        }


def _reads(tables: SqlWarehouse, table: Table, last: pd.Timestamp, reads: int) -> list[float]:
    seconds = []
    for _ in range(reads):
        begun = perf_counter()
        rows = len(tables.read(table, last - 23 * HOUR, last))
        seconds.append(perf_counter() - begun)
        assert rows > 0
    return seconds


def _write_on(url: str, after: pd.Timestamp, stop: "multiprocessing.synchronize.Event") -> None:
    tables, (table, frames) = warehouse_of(url), _frames(2)
    frame = frames[0][1]
    hour = after
    while not stop.is_set():
        hour += HOUR
        tables.write(table, frame.assign(hour=hour), [hour])


def _print(console: Console, title: str, seconds: dict[str, list[float]], against: str) -> None:
    shown = Shown("", "p50 ms", "p95 ms", "p50, times", "p95, times", title=title)
    base = np.quantile(seconds[against], [0.5, 0.95])
    for name, spent in seconds.items():
        found = np.quantile(spent, [0.5, 0.95])
        shown.add_row(name, *(f"{1e3 * each:.0f}" for each in found), *(f"{each:.1f}" for each in found / base))
    console.print(shown)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
