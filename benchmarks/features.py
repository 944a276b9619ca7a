"""Features of a dense market against the same features written in pandas, and the kernel against a copy of its output.

    python benchmarks/features.py [instruments] [rounds]

Medians of `rounds`, taking turns in one process. Memory: the most that one computation takes at once, beyond the
snapshots that it reads.
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
from mlreg_dagster.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.features import compute_features, describe_features, fill_columns
from mlreg_dagster_tests.market.pandas_features import pandas_features

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


def kernel_and_copy(snapshots: pd.DataFrame, hours: pd.DatetimeIndex, rounds: int) -> list[float]:
    """The kernel into a buffer that is used again, and a copy of that buffer into a warm one."""
    shape = (LOOKBACK + len(hours), -1)
    inputs = {name: snapshots[name].to_numpy(copy=True).reshape(shape) for name in INPUTS}
    names = list(describe_features(SETTINGS))
    columns = np.ones((len(names), len(hours), inputs["price"].shape[1]))
    target = np.ones_like(columns)
    by_name = dict(zip(names, columns, strict=True))
    return seconds(rounds, lambda: fill_columns(by_name, inputs, hours, SETTINGS), lambda: np.copyto(target, columns))


def peak_mib(work: Callable[[], object]) -> float:
    """The most memory that is taken at once on the way, MiB; that of the snapshots is not counted."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main(instruments: int = 250, rounds: int = 5) -> None:
    ours(*market(1, 3))  # compiled, or read from the compiler's cache
    table = Table(title=f"Features of {instruments} instruments, medians of {rounds}")
    for name in ("days", "pandas", "ours", "ratio", "kernel", "warm copy", "kernel/copy", "pandas MiB", "MiB", "share"):
        table.add_column(name, justify="right")
    for days in (30, 365):
        snapshots, hours = market(days, instruments)
        ways = [partial(way, snapshots, hours) for way in (by_pandas, ours)]
        reference, mine = seconds(rounds, *ways)
        kernel, copy = kernel_and_copy(snapshots, hours, rounds)
        memory = [peak_mib(way) for way in ways]
        table.add_row(
            str(days), f"{reference:.2f} s", f"{mine:.3f} s", f"{reference / mine:.1f}x", f"{1e3 * kernel:.0f} ms",
            f"{1e3 * copy:.0f} ms", f"{kernel / copy:.1f}x", f"{memory[0]:.0f}", f"{memory[1]:.0f}",
            f"{memory[1] / memory[0]:.2f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
