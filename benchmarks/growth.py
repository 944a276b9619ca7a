"""How the cost of backfills grows with history and with the market, and what bounds their memory.

    python benchmarks/growth.py [years] [days] [picture]

From an archive to outcomes by the hourly job, one run for each year (default: 1 to 5 years of 250 instruments), then
for so many days (default: 60) of 250 to 2,500 instruments, then a year with other settings of `chunk_hours`. Each case
has a process and a home of its own. What the same runs cost with nothing in them is Dagster's share. An exponent is the
slope of cost over rows, both as logarithms, by least squares. With a file name as third word the picture goes there.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import yaml
from emptied import emptied
from replay import QUIET
from rich.console import Console
from rich.table import Table

from mlreg_dagster import jobs
from mlreg_dagster.config import load_settings
from mlreg_dagster.core.hours import HOUR, as_hour, day_key, hour_key, hour_range
from mlreg_dagster.orchestration.partitions import range_tags
from mlreg_dagster.orchestration.resources import ReplayClock
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.runner import Runner, asset_config
from mlreg_dagster.storage.homes import prepare_home

START = as_hour("2019-01-01")
TRAINING = pd.Timedelta(days=8)
YEAR = pd.Timedelta(days=365)
INSTRUMENTS = (250, 500, 1000, 2500)
CHUNK_HOURS = (168, 744, 2976)
USUAL = 744
Case = dict[str, Any]


def main(years: int = 5, days: int = 60, picture: str = "") -> None:
    """Print the tables, and draw them."""
    console = Console()
    history = measured(instruments=250, ranges=[365] * years, chunk_hours=USUAL)
    console.print(table_of(f"250 instruments, {years} years in yearly runs, added up", added_up(history)))
    markets = [measured(instruments=count, ranges=[days], chunk_hours=USUAL)[0] for count in INSTRUMENTS]
    console.print(table_of(f"{days} days in one run", markets))
    chunks = [history[0], *(measured(250, [365], hours)[0] for hours in CHUNK_HOURS if hours != USUAL)]
    chunks.sort(key=lambda case: int(case["chunk_hours"]))
    console.print(table_of("250 instruments, a year in one run", chunks))
    if picture:
        draw(added_up(history), markets, chunks, Path(picture))


def added_up(history: list[Case]) -> list[Case]:
    """Each year with all before it."""
    sums = pd.DataFrame(history)[["days", "rows", "seconds", "empty"]].cumsum()
    return [{**case, **total} for case, total in zip(history, sums.to_dict("records"), strict=True)]


def table_of(title: str, cases: list[Case]) -> Table:
    columns = (
        "days",
        "instruments",
        "chunk_hours",
        "rows",
        "seconds",
        "Dagster's",
        "ours",
        "ratio",
        "peak MB",
    )
    table = Table(*columns, title=title, title_justify="left")
    for case in cases:
        ours = case["seconds"] - case["empty"]
        table.add_row(
            f"{case['days']}", f"{case['instruments']:,}", f"{case['chunk_hours']}", f"{case['rows']:,}",
            f"{case['seconds']:.1f}", f"{case['empty']:.1f}", f"{ours:.1f}", f"{ours / case['empty']:.2f}",
            f"{case['peak_mb']:,}",
        )  # fmt: skip
    if cases[0]["rows"] != cases[-1]["rows"]:
        table.caption = f"cost grows with the {exponent(cases):.2f}th power of the rows"
    return table


def exponent(cases: list[Case]) -> float:
    """The slope of all that a case costs over its rows, in logarithms."""
    rows, seconds = ([case[name] for case in cases] for name in ("rows", "seconds"))
    return float(np.polyfit(np.log(rows), np.log(seconds), 1)[0])


def draw(history: list[Case], markets: list[Case], chunks: list[Case], path: Path) -> None:
    """Cost over history, cost over the market, memory over the chunk."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    over_time, over_market, memory = figure.subplots(1, 3)
    for axes, cases, name, scale in (
        (over_time, history, "days", "years of 250 instruments"),
        (over_market, markets, "instruments", f"instruments, {markets[0]['days']} days"),
    ):
        at = [case[name] / (365 if name == "days" else 1) for case in cases]
        empty = [case["empty"] for case in cases]
        axes.fill_between(at, empty, label="Dagster", alpha=0.5)
        axes.fill_between(at, empty, [case["seconds"] for case in cases], label="ours", alpha=0.5)
        axes.set(xlabel=scale, ylabel="seconds", ylim=(0, None), title=f"exponent {exponent(cases):.2f}")
        axes.legend(loc="upper left", frameon=False)
    memory.plot([case["chunk_hours"] for case in chunks], [case["peak_mb"] for case in chunks], "o-")
    memory.set(xlabel="chunk_hours, a year of 250 instruments", ylabel="MB", ylim=(0, None), title="peak memory")
    figure.savefig(path, dpi=110)


def measured(instruments: int, ranges: list[int], chunk_hours: int) -> list[Case]:
    """One case in a process of its own: what each of consecutive ranges of so many days cost."""
    words = [sys.executable, __file__, "case", str(instruments), str(chunk_hours), *map(str, ranges)]
    print(f"{instruments} instruments, {ranges} days, chunks of {chunk_hours} h", file=sys.stderr)
    told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in told.splitlines()]


def run_case(instruments: int, chunk_hours: int, ranges: list[int]) -> None:
    """The child: print what each range cost, a line of JSON each."""
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        runner = make_runner(Path(folder), instruments, chunk_hours, sum(ranges))
        config = asset_config("predictions", {"versions": [trained(runner)]})
        cases, first = [], START + TRAINING
        for days in ranges:
            hours = hour_range(first, first + pd.Timedelta(days=days) - HOUR)
            begun = time.perf_counter()
            runner.run_hours(jobs.HOURLY, hours, config)
            case = {"days": days, "instruments": instruments, "chunk_hours": chunk_hours}
            case |= {"seconds": time.perf_counter() - begun, "peak_mb": peak_mb(), "rows": days * 24 * instruments}
            cases.append(case | {"first": hour_key(hours[0]), "last": hour_key(hours[-1])})
            first += pd.Timedelta(days=days)
        outcomes = runner.warehouse.query(f"SELECT count(*) AS n FROM {PREDICTION_OUTCOMES.name}")["n"].iloc[0]
        if outcomes < sum(case["rows"] for case in cases) - 24 * instruments:
            raise SystemExit(f"{outcomes} outcomes are fewer than there should be.")
        add_empty_runs(runner, cases, Path(folder) / "empty")
    for case in cases:
        print(json.dumps(case))


def make_runner(folder: Path, instruments: int, chunk_hours: int, days: int) -> Runner:
    """The project's own settings, on an archive of random walks and a home of their own."""
    configs = folder / "configs"
    configs.mkdir()
    end = START + TRAINING + pd.Timedelta(days=days)
    write_archive(configs / "bars.parquet", hour_range(START, end - HOUR), instruments)
    ingest = {"source": "archive", "start": START.isoformat(), "end": end.isoformat(), "universe": instruments}
    ingest |= {"archive": {"path": "bars.parquet"}, "chunk_hours": chunk_hours}
    (configs / "ingest.yaml").write_text(yaml.safe_dump(ingest))
    os.environ.pop("DAGSTER_HOME", None)
    os.environ.update(prepare_home(folder / "home"))
    return Runner(settings=load_settings(configs), home=folder / "home", resources={"clock": ReplayClock()})


def write_archive(path: Path, hours: pd.DatetimeIndex, instruments: int) -> None:
    """Bars by time, month by month, as an archive that is kept up to date has them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, close = np.random.default_rng(0), np.full(instruments, 100.0)
    names = np.array([f"asset_{number:04d}" for number in range(instruments)])
    writer = None
    for start in range(0, len(hours), USUAL):
        part = hours[start : start + USUAL]
        walk = close * np.exp(np.cumsum(0.008 * rng.standard_t(5, size=(len(part), instruments)) - 3e-5, axis=0))
        close = walk[-1].clip(1.0, 1e4)
        bars = pa.table(
            {
                "asset_id": pa.array(np.tile(names, len(part))).dictionary_encode(),
                "symbol": pa.array(np.tile(names, len(part))).dictionary_encode(),
                "ts": np.repeat(part.tz_localize(None).to_numpy(), instruments),
                "close": walk.ravel(),
                "volume": rng.lognormal(8, 1, walk.size),
            }
        )
        writer = writer or pq.ParquetWriter(path, bars.schema)
        writer.write_table(bars)
    assert writer is not None
    writer.close()


def trained(runner: Runner) -> str:
    """A version that learned from the days before the first range."""
    runner.run_hours(jobs.MARKET, hour_range(START, START + TRAINING - HOUR))
    runner.run_partition(jobs.DATASETS, day_key(START + TRAINING - pd.Timedelta(days=1)))
    return runner.train({"model": "model"})


def add_empty_runs(runner: Runner, cases: list[Case], home: Path) -> None:
    """Add to each case the seconds of its run with nothing in it, on an instance of its own."""
    job = emptied(runner.definitions).resolve_job_def(jobs.HOURLY)
    os.environ.pop("DAGSTER_HOME", None)
    os.environ.update(prepare_home(home))
    with dg.DagsterInstance.get() as instance:
        for case in cases:
            tags = range_tags(case.pop("first"), case.pop("last"))
            begun = time.perf_counter()
            job.execute_in_process(instance=instance, run_config=QUIET, tags=tags)
            case["empty"] = time.perf_counter() - begun


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["case"]:
        run_case(int(sys.argv[2]), int(sys.argv[3]), [int(word) for word in sys.argv[4:]])
    else:
        main(*(int(word) for word in sys.argv[1:3]), *sys.argv[3:])
