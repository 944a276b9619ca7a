"""Features of a dense market against the same features written in pandas, and the kernel against a copy of its output.

    python benchmarks/features.py [instruments] [rounds]

Medians of `rounds`, taking turns in one process. "Frame to frame" is what the asset does: rows of snapshots in, rows
of features out. "Grid to grid" is the arithmetic alone, into memory that is taken from the system each time or that
is used again. Memory: the most that one computation takes at once, beyond the snapshots that it reads.
"""

import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.extensions.grid import Array
from mlreg_dagster.market.features.features import compute_features, describe_features, fill_columns
from mlreg_dagster_tests.market.features.pandas_features import pandas_features

COPY = "a warm copy of the output"
LOOKBACK = 168
SETTINGS = FeatureSettings()
INPUTS = (
    "price", "market_cap", "volume_24h", "change_1h_pct", "change_24h_pct", "change_7d_pct", "all_time_high",
    "volatility_7d_pct",
)  # fmt: skip


def market(days: int, instruments: int) -> tuple[pd.DataFrame, pd.DatetimeIndex]:
    """A dense market of `days` and the hours before them; what the numbers are does not matter."""
    rng, first = np.random.default_rng(0), as_hour("2025-01-01")
    hours = hour_range(first, first + (LOOKBACK + 24 * days - 1) * HOUR)
    ids = pd.Index([f"coin-{number:04d}" for number in range(instruments)], dtype="str")
    rows = len(hours) * instruments
    values = {name: rng.lognormal(3.0, 1.0, rows) for name in INPUTS}
    keys = {"hour": hours.repeat(instruments), "instrument_id": ids.take(np.tile(np.arange(instruments), len(hours)))}
    return pd.DataFrame(keys | values), hours[LOOKBACK:]


def ours(snapshots: pd.DataFrame, hours: pd.DatetimeIndex) -> pd.DataFrame:
    return compute_features(snapshots, hours, SETTINGS, LOOKBACK)


def by_pandas(snapshots: pd.DataFrame, hours: pd.DatetimeIndex) -> pd.DataFrame:
    return pandas_features(snapshots, hours, SETTINGS)


def seconds(rounds: int, *work: Callable[[], object]) -> list[float]:
    """The median time of each, taking turns."""
    times: list[list[float]] = [[] for _ in work]
    for _ in range(rounds):
        for one, taken in zip(work, times, strict=True):
            started = time.perf_counter()
            one()
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in times]


def grids(snapshots: pd.DataFrame, hours: pd.DatetimeIndex) -> dict[str, Callable[[], object]]:
    """The arithmetic alone, with memory newly allocated and reused; and a copy of its output into a warm buffer."""
    shape = (LOOKBACK + len(hours), -1)
    inputs = {name: snapshots[name].to_numpy(copy=True).reshape(shape) for name in INPUTS}
    names = list(describe_features(SETTINGS))
    columns = np.ones((len(names), len(hours), inputs["price"].shape[1]))
    target = np.ones_like(columns)

    def fill(into: Array) -> None:
        fill_columns(dict(zip(names, into, strict=True)), inputs, hours, SETTINGS)

    return {
        "grid to grid": lambda: fill(np.empty_like(columns)),
        "grid to grid, output used again": lambda: fill(columns),
        COPY: lambda: np.copyto(target, columns),
    }


def peak_mib(work: Callable[[], object]) -> float:
    """The most memory that is taken at once on the way, MiB; that of the snapshots is not counted."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main(instruments: int = 250, rounds: int = 5) -> None:
    ours(*market(1, 3))  # compiled, or read from the compiler's cache
    console = Console()
    for days in (30, 365):
        snapshots, hours = market(days, instruments)
        frames = {"pandas by time": by_pandas, "frame to frame": ours}
        ways = {name: partial(way, snapshots, hours) for name, way in frames.items()}
        memory = {name: peak_mib(way) for name, way in ways.items()}
        ways |= grids(snapshots, hours)
        taken = dict(zip(ways, seconds(rounds, *ways.values()), strict=True))
        reference = next(iter(taken.values()))
        table = Table("", title=f"Features of {days} days x {instruments} instruments, medians of {rounds}")
        for name in ("ms", "pandas takes", "warm copies", "MiB", "of pandas'"):
            table.add_column(name, justify="right")
        for name, spent in taken.items():
            mib, share = (
                (f"{memory[name]:.0f}", f"{memory[name] / memory['pandas by time']:.2f}")
                if name in memory
                else ("", "")
            )
            copies = f"{spent / taken[COPY]:.1f}"
            table.add_row(name, f"{1e3 * spent:.0f}", f"{reference / spent:.1f}x", copies, mib, share)
        console.print(table)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
