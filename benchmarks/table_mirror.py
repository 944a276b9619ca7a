"""What the Parquet mirror of the tables costs, and how fast it is read.

    python benchmarks/table_mirror.py [instruments] [hours]

Everything takes turns with the same thing without a mirror, in one process. First the hourly job, so many hours
(default: 250 instruments, 12 hours) after a champion was trained on a week of a simulated market. Then the features of
31 days, written in one piece, and day by day. At last statements on a mirror of a year of features. Medians, of the
processor's time and of the clock's.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from statistics import median
from unittest.mock import patch

import pandas as pd
from hourly import ANY_MODEL, DAYS
from replay import START, make_runner
from rich.console import Console
from rich.table import Table

from mlreg_dagster import jobs
from mlreg_dagster.config import FeatureSettings, SimulatedSettings
from mlreg_dagster.config.places import mirror_root
from mlreg_dagster.core.hours import HOUR, as_hour, hour_key, hour_range
from mlreg_dagster.market.features.features import compute_features, features_table
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader
from mlreg_dagster.storage.parquet_mirror.writer import TableMirror
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse

WITH, WITHOUT = "with", "without"
JANUARY = as_hour("2025-01-01")
FEATURES = features_table(FeatureSettings())
STATEMENTS = {
    "newest hour": "SELECT epoch(max(hour)) FROM market_features",
    "number of rows": "SELECT count(*) FROM market_features",
    "rows of an hour, five columns": "SELECT {columns} FROM market_features WHERE hour = TIMESTAMPTZ '{hour}'",
    "mean of a column by day": "SELECT date_trunc('day', hour)::VARCHAR, avg({column}) FROM market_features GROUP BY 1",
}

Spent = dict[str, list[tuple[float, float]]]


def main(instruments: int = 250, hours: int = 12) -> None:
    """Print the tables."""
    console = Console()
    if hours:
        console.print(_table("an hour", the_hourly_job(instruments, hours)))
    console.print(_table("features of 31 days at once", a_range(instruments, 31, rounds=5)))
    console.print(_table("features of 31 days, a write a day", a_range(instruments, 1, rounds=2)))
    console.print(reading(instruments))


@contextmanager
def no_mirror() -> Iterator[None]:
    """Write tables as before there was a mirror."""
    with patch.object(TableMirror, "mark"), patch.object(TableMirror, "follow"), patch.object(TableMirror, "begin"):
        yield


def the_hourly_job(instruments: int, hours: int) -> Spent:
    spent: Spent = {WITH: [], WITHOUT: []}
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        runner = make_runner(Path(folder), DAYS + 2, instruments, evaluation=ANY_MODEL)
        plan = Replay(START, START + pd.Timedelta(days=DAYS), DAYS - 1, ("model",), runner.settings.promotion)
        run_replay(runner, plan, lambda step, _: print(step, file=sys.stderr))
        if not runner.registry.history(CHAMPION):
            sys.exit("No version became champion, so that an hour has no predictions to be timed.")
        for number in range(hours + 1):
            key = hour_key(plan.end + number * HOUR)
            for way in [WITH, WITHOUT] if number % 2 else [WITHOUT, WITH]:  # the second one replaces the hour
                work = _timed(lambda key=key: runner.run_partition(jobs.HOURLY, key), way)  # type: ignore[misc]
                if number:  # the first one imports
                    spent[way].append(work)
        print(_sizes(runner.warehouse.path.parent), file=sys.stderr)
    return spent


def a_range(instruments: int, days: int, rounds: int) -> Spent:
    """The features of January, so many days a write."""
    spent: Spent = {WITH: [], WITHOUT: []}
    frame = _features(instruments)
    pieces = [piece for _, piece in frame.groupby((frame["hour"] - frame["hour"].iloc[0]).dt.days // days)]
    for _ in range(rounds):
        for way in (WITH, WITHOUT):
            with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
                tables = DuckDBWarehouse(Path(folder) / "warehouse.duckdb")

                def work(tables: DuckDBWarehouse = tables) -> None:
                    for piece in pieces:
                        tables.write(FEATURES, piece, piece["hour"].unique())

                spent[way].append(_timed(work, way))
    return spent


def reading(instruments: int) -> Table:
    table = Table("a statement on a year of features", "ms", "with the reader opened for it")
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        home = Path(folder)
        tables = DuckDBWarehouse(home / "warehouse.duckdb")
        frame = _features(instruments)
        for month in range(12):
            piece = frame.assign(hour=frame["hour"] + pd.Timedelta(days=31 * month))
            for _, day in piece.groupby(piece["hour"].dt.date) if month == 11 else [(None, piece)]:
                tables.write(FEATURES, day, day["hour"].unique())
        print(_sizes(home), file=sys.stderr)
        columns = [name for name, spec in FEATURES.columns.items() if spec.dtype is float][:5]
        last = tables.newest(FEATURES)
        for name, text in STATEMENTS.items():
            sql = text.format(columns=", ".join(columns), column=columns[0], hour=last)
            with MirrorReader(home).tables() as opened:
                kept = [_timed(lambda sql=sql, opened=opened: opened.rows(sql), WITH) for _ in range(15)]  # type: ignore[misc]
            again = [_timed(lambda sql=sql: _once(home, sql), WITH) for _ in range(15)]  # type: ignore[misc]
            table.add_row(name, *(f"{1e3 * median(clock for _, clock in each):.0f}" for each in (kept, again)))
    return table


def _once(home: Path, sql: str) -> None:
    with MirrorReader(home).tables() as tables:
        tables.rows(sql)


@cache
def _features(instruments: int) -> pd.DataFrame:
    """The features of a simulated January."""
    hours, settings, lookback = hour_range(JANUARY, JANUARY + (24 * 31 - 1) * HOUR), FeatureSettings(), 168
    opens = JANUARY - lookback * HOUR
    market = SimulatedMarket(SimulatedSettings(opens=opens), instruments)
    snapshots = market.snapshots(hour_range(opens, hours[-1]), hours[-1] + 2 * HOUR)
    return compute_features(snapshots, hours, settings, lookback)


def _timed(work: Callable[[], object], way: str) -> tuple[float, float]:
    with no_mirror() if way == WITHOUT else _nothing():
        processor, clock = time.process_time(), time.perf_counter()
        work()
        return time.process_time() - processor, time.perf_counter() - clock


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _table(title: str, spent: Spent) -> Table:
    table = Table("the mirror", "processor, s", "clock, s", title=title)
    for way, each in spent.items():
        table.add_row(way, *(f"{median(figures):.3f}" for figures in zip(*each, strict=True)))
    more = [
        median(values)
        for values in zip(
            *((a[0] / b[0], a[1] / b[1]) for a, b in zip(spent[WITH], spent[WITHOUT], strict=True)), strict=True
        )
    ]
    table.add_row("more, median of pairs", *(f"{100 * (ratio - 1):+.1f} %" for ratio in more))
    return table


def _sizes(home: Path) -> str:
    mirror = sum(path.stat().st_size for path in mirror_root(home).rglob("*.parquet"))
    return f"mirror {mirror / 1e6:,.1f} MB, tables {(home / 'warehouse.duckdb').stat().st_size / 1e6:,.1f} MB"


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]))
