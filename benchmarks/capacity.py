"""What an hour of a market of any size costs: measured units, and the markets of `docs/capacity.md` worked with them.

    python benchmarks/capacity.py [instruments ...]

For each size (default: 250, 1,000 and 2,500 instruments) a champion is trained on a week of a simulated market, in a
process and a home of its own; then hours are run one after the other, and a week as one run. Costs are CPU seconds of
the process, which other work beside does not change much. A line through them gives what a run and what a row costs;
its slope and what a home holds afterwards give the table of markets. Commits to a lake are counted in its catalog.
"""

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy
from replay import START, make_runner
from rich.console import Console
from rich.table import Table

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, hour_key, hour_range
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster.storage.warehouse.opening import warehouse_of
from mlreg_dagster_tests.postgres import running_server
from mlreg_dagster_tests.storage.warehouse.lakes import lake_url
from mlreg_dagster_tests.storage.warehouse.sample_table import FIRST, READINGS, rows

SIZES = (250, 1000, 2500)
DAYS, RANGE_DAYS, HOURS = 16, 7, 9
ANY_MODEL = {"min_average_precision_margin": -1.0}
HOURS_A_YEAR = 8766
COMMITS = 24
MARKETS = (("250 by the hour", 250, 1), ("10,000 by the hour", 10_000, 1), ("100,000 by the hour", 100_000, 1),
           ("100,000 by the minute", 100_000, 60))  # fmt: skip
Units = dict[str, float]


def main(sizes: tuple[int, ...]) -> None:
    """Print what was measured, and the markets worked with it."""
    console = Console(width=130)
    found = [_in_a_process(size) for size in sizes]
    measured = Table(
        "instruments", "CPU s, an hour", "CPU s, a week", "peak MB", title="the hourly job with a champion"
    )
    for each in found:
        row = (each["instruments"], each["hour_s"], each["week_s"], each["peak_mb"])
        measured.add_row(f"{row[0]:,.0f}", f"{row[1]:.2f}", f"{row[2]:.1f}", f"{row[3]:,.0f}")
    console.print(measured)
    units = _units(found) | _commits()
    shown = Table("unit", "value", title="units")
    for name, value in units.items():
        shown.add_row(name, f"{value:,.4g}")
    console.print(shown)
    console.print(_worked(units))


def _units(found: list[Units]) -> Units:
    """What a run, a row, an asset-hour and a stored row cost, by lines through the sizes."""
    sizes = [each["instruments"] for each in found]
    a_row, a_run = np.polyfit(sizes, [each["hour_s"] for each in found], 1)
    memory, base = np.polyfit(sizes, [each["peak_mb"] for each in found], 1)
    largest = found[-1]
    return {
        "CPU s of a run of an hour, besides its rows": float(a_run),
        "CPU s of 1,000 rows in a run of an hour": float(a_row * 1000),
        "rows a second and core in a run of a week": largest["instruments"] * RANGE_DAYS * 24 / largest["week_s"],
        "MB of a process, besides its rows": float(base),
        "MB of 1,000 instruments, with a week of training": float(memory * 1000),
        "bytes of an instrument-hour in all tables": largest["bytes_a_row"],
        "events of a run of an hour": found[0]["events_an_hour"],
        "events of an hour in a run of a week": found[0]["events_in_range"],
        "bytes of an event": found[0]["bytes_an_event"],
        "tables written by an hour": largest["tables"],
    }


def _worked(units: Units) -> Table:
    """The markets."""
    table = Table("", *(name for name, _, _ in MARKETS), title="worked")
    columns = [_market(units, count, times) for _, count, times in MARKETS]
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    return table


def _market(units: Units, instruments: int, times: int) -> dict[str, str]:
    """What a market takes.

    Args:
        units: What was measured.
        instruments: How many.
        times: Rows of each in an hour.
    """
    a_run, thousand, in_range, _, _, size, events, _, of_event, tables, catalog = units.values()
    an_hour = instruments * times
    cpu = a_run + an_hour / 1000 * thousand
    year = an_hour * HOURS_A_YEAR
    return {
        "rows an hour": f"{an_hour:,}",
        "CPU s an hour": f"{cpu:,.1f}",
        "share of a core": f"{cpu / 3600:.1%}",
        "a year again, days of one core": f"{year / in_range / 86400:,.1f}",
        "Parquet a day, GB": f"{an_hour * 24 * size / 1e9:,.2f}",
        "Parquet a year, GB": f"{year * size / 1e9:,.0f}",
        "Dagster's events a year": f"{events * HOURS_A_YEAR:,.0f}",
        "… GB": f"{events * HOURS_A_YEAR * of_event / 1e9:,.1f}",
        "commits to the lake an hour": f"{tables:.0f}",
        "files a year, one a table and hour": f"{tables * HOURS_A_YEAR:,.0f}",
        "… merged to one a table and day": f"{tables * HOURS_A_YEAR / 24:,.0f}",
        "catalog rows a year, unmerged": f"{tables * HOURS_A_YEAR * catalog:,.0f}",
    }


def _in_a_process(instruments: int) -> Units:
    command = [sys.executable, __file__, "--size", str(instruments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _measure(instruments: int) -> Units:
    with tempfile.TemporaryDirectory(prefix="mlreg-") as name:
        folder = Path(name)
        runner = make_runner(folder, DAYS + RANGE_DAYS + 1, instruments, evaluation=ANY_MODEL)
        plan = Replay(START, START + pd.Timedelta(days=DAYS), DAYS - 1, ("model",), runner.settings.promotion)
        run_replay(runner, plan, lambda step, _: print(step, file=sys.stderr))
        if not runner.registry.history(CHAMPION):
            sys.exit("No version became champion, so that an hour has no predictions.")
        before = _events(folder)
        spent = []
        for number in range(HOURS):
            begun = time.process_time()
            runner.run_partition(jobs.HOURLY, hour_key(plan.end + number * HOUR))
            spent.append(time.process_time() - begun)
        after = _events(folder)
        begun = time.process_time()
        week = hour_range(plan.end, plan.end + (RANGE_DAYS * 24 - 1) * HOUR)
        runner.run_hours(jobs.HOURLY, week)
        in_range = time.process_time() - begun
        last = _events(folder)
        sizes = _bytes_of_tables(runner.home, instruments)
        return {
            "instruments": instruments,
            "hour_s": median(spent[1:]),
            "week_s": in_range,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "events_an_hour": (after[0] - before[0]) / HOURS,
            "events_in_range": (last[0] - after[0]) / len(week),
            "bytes_an_event": (last[1] - before[1]) / max(last[0] - before[0], 1),
            "bytes_a_row": sum(sizes),
            "tables": len(sizes),
        }


def _events(folder: Path) -> tuple[int, int]:
    """How many events Dagster keeps, and in how many bytes; the index repeats some of a run's file."""
    files = list((folder / "home" / "dagster" / "history" / "runs").glob("*.db"))
    count = 0
    for file in files:
        if file.stem != "index":
            with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
                count += connection.execute("SELECT count(*) FROM event_logs").fetchone()[0]
    return count, sum(file.stat().st_size for file in files)


def _bytes_of_tables(home: Path, instruments: int) -> list[float]:
    """Bytes that each hourly table takes as Parquet for an instrument and hour."""
    hours = (DAYS + RANGE_DAYS) * 24
    found = []
    for folder in sorted((home / "mirror" / "tables").iterdir()):
        size = sum(file.stat().st_size for file in folder.rglob("*.parquet"))
        if folder.name in jobs.HOURLY_ASSETS and size:
            found.append(size / (hours * instruments))
    return found


def _commits() -> Units:
    """Rows that the catalog of a lake gains with an hourly write."""
    with running_server() as server, tempfile.TemporaryDirectory() as folder:
        url = lake_url(server.url, Path(folder) / "lake")
        tables = warehouse_of(url)
        tables.write(READINGS, rows([FIRST]), [FIRST])
        catalog = sqlalchemy.create_engine(
            url.removeprefix("ducklake:").partition("#")[0].replace("://", "+psycopg://")
        )
        before = _rows_of(catalog)
        for number in range(1, COMMITS + 1):
            hour = FIRST + number * HOUR
            tables.write(READINGS, rows([hour]), [hour])
        gained = _rows_of(catalog) - before
        catalog.dispose()
    return {"catalog rows of a commit, 8 columns": gained / COMMITS}


def _rows_of(catalog: sqlalchemy.Engine) -> int:
    with catalog.connect() as connection:
        names = sqlalchemy.inspect(connection).get_table_names()
        counts = (connection.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar_one() for name in names)
        return sum(counts)


if __name__ == "__main__":
    words: list[Any] = sys.argv[1:]
    if words[:1] == ["--size"]:
        print(json.dumps(_measure(int(words[1]))))
    else:
        main(tuple(map(int, words)) or SIZES)
