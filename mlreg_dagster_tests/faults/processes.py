"""Many runs at once through Dagster's own queue, and somebody who reads all the while.

Used by `benchmarks/concurrency.py` at full size and by `test_concurrency.py` at a small one.
"""

import multiprocessing
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, as_hour, chunked, day_key, hour_key, hour_range
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.orchestration.partitions import range_tags
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.storage.homes import DAGSTER_YAML
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.tables import Table
from mlreg_dagster.storage.warehouse.warehouse import Warehouse
from mlreg_dagster_tests.deployment import ENDED, FASTER, Deployment
from mlreg_dagster_tests.lifecycle import Lifecycle
from mlreg_dagster_tests.location import CONFIGS, SENSORS, Location

START = as_hour("2025-01-01")
LIVE = START + 48 * HOUR
"""From here on v1 is champion, and the hours are the crowd's."""

WAVES = ((jobs.MARKET, 1.0), (jobs.FOLLOW_UP, 2.5), (jobs.OUTCOMES, 5.0))
"""Jobs one after the other, and how much longer than the first one's their ranges are: a range reads hours of others,
which are all there only when the wave before has ended."""


@dataclass
class Readings:
    """What the reader saw: seconds of each read, keys that were there twice, errors."""

    seconds: list[float] = field(default_factory=list)
    doubled: int = 0
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Crowd:
    """How a crowd ended.

    Attributes:
        runs: Job and final status to how many runs ended so.
        seconds: From the first run that was asked for to the end of the last.
        most_at_once: The most runs that were seen under way at one look.
        rows: Table to its rows, by the crowd and by one process alone.
        differing: Tables that are not the same to the last bit.
        readings: What the reader saw meanwhile.
    """

    runs: Counter[tuple[str, str]]
    seconds: float
    most_at_once: int
    rows: dict[str, tuple[int, int]]
    differing: list[str]
    readings: Readings


def run_crowd(
    folder: Path,
    hours: int,
    processes: int,
    hours_a_run: int,
    instruments: int = 20,
    tell: Callable[[str], None] = lambda _: None,
) -> Crowd:
    """Run consecutive hours in ranges through the queue, while somebody reads, and the same hours in one process.

    Args:
        folder: An empty one.
        hours: How many partitions.
        processes: How many runs at once.
        hours_a_run: The length of the ranges of the first wave.
        instruments: How many.
        tell: Is given each step as it begins.
    """
    asked = hour_range(LIVE, LIVE + (hours - 1) * HOUR)
    now = (asked[-1] + 2 * HOUR).isoformat()
    opens = (START - 15 * 24 * HOUR).isoformat()
    configs = {
        "ingest": {"start": START.isoformat(), "universe": instruments, "simulated": {"opens": opens, "crashes": 8.0}}
    }
    crowded, alone = folder / "crowded", folder / "alone"
    tell("a champion, for both")
    _make_champion(Location(crowded, now, configs))
    shutil.copytree(crowded, alone)
    tell("the hours in one process")
    unbroken = Lifecycle(alone / "home", {**CONFIGS, **configs}, clock=Clock(fixed=now))
    unbroken.run_hours(jobs.HOURLY, asked)
    tables = (MARKET_SNAPSHOT, features_table(unbroken.settings.features), PREDICTIONS, PREDICTION_OUTCOMES)
    with _Queue(crowded, START.isoformat(), configs, processes) as queue:
        queue.stop(*SENSORS)  # at this clock no hour has ended, so they have asked for nothing
        queue.set_clock(now)
        with _reader(crowded / "home" / "warehouse.duckdb", tables, asked) as readings:
            begun = time.monotonic()
            for job, longer in WAVES:
                ranges = list(chunked(asked, round(hours_a_run * longer)))
                tell(f"{job}: {len(ranges)} runs, {processes} at once")
                queue.run(job, ranges)
            seconds = time.monotonic() - begun
        runs = Counter((run.job, run.status) for run in queue.client.runs())
    rows, differing = {}, []
    made = DuckDBWarehouse(crowded / "home" / "warehouse.duckdb")
    for table in tables:
        found, expected = made.read(table), unbroken.warehouse.read(table)
        rows[table.name] = len(found), len(expected)
        if not found.equals(expected):
            differing.append(table.name)
    return Crowd(runs, seconds, queue.most_at_once, rows, differing, readings)


def _make_champion(location: Location) -> None:
    world, day = location.world, day_key(LIVE - 24 * HOUR)
    world.run_hours(jobs.MARKET, hour_range(START, LIVE - HOUR))
    world.run_partition(jobs.DATASETS, day)
    version = world.train({"dataset": day})
    world.run_partition(jobs.EVALUATE, version)
    world.promote(version, LIVE)


class _Queue(Deployment):
    """A deployment that runs so many runs at once."""

    def __init__(self, folder: Path, now: str, configs: dict[str, Any], processes: int) -> None:
        super().__init__(folder, now, configs)
        self.most_at_once = 0
        asked = DAGSTER_YAML.replace("max_concurrent_runs: 4", f"max_concurrent_runs: {processes}")
        (folder / "dagster" / "dagster.yaml").write_text(asked + FASTER)

    def run(self, job: str, ranges: list[pd.DatetimeIndex]) -> None:
        """Ask for a run of each range, and wait until all have ended."""
        asked = {self._ask_for(job, hours) for hours in ranges}
        while True:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            runs = self.client.runs(pipelineName=job)
            self.most_at_once = max(self.most_at_once, sum(run.status == "STARTED" for run in runs))
            if {run.id for run in runs if run.status in ENDED} >= asked:
                return
            time.sleep(1)

    def _ask_for(self, job: str, hours: pd.DatetimeIndex) -> str:
        mutation = """
            mutation ($parameters: ExecutionParams!) {
              launchRun(executionParams: $parameters) {
                __typename
                ... on LaunchRunSuccess { run { runId } }
                ... on PythonError { message }
              }
            }
        """
        tags = range_tags(hour_key(hours[0]), hour_key(hours[-1]))
        parameters = {
            "selector": {**self._selector, "jobName": job},
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        answer = self.client.ask(mutation, parameters=parameters)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    @property
    def _selector(self) -> dict[str, Any]:
        if not hasattr(self, "_known"):
            self._known = self.client.location().selector
        return self._known


class _reader:  # noqa: N801 - read as a function
    """A process that reads without a pause; its readings are there when the block has ended."""

    def __init__(self, path: Path, tables: tuple[Table, ...], hours: pd.DatetimeIndex) -> None:
        context = multiprocessing.get_context("spawn")
        self._stop, self._answers = context.Event(), context.Queue()
        names = [table.name for table in tables]
        arguments = (path, names, hours[0], hours[-1], self._stop, self._answers)
        self._process = context.Process(target=_read_for_ever, args=arguments, daemon=True)
        self.readings = Readings()

    def __enter__(self) -> Readings:
        self._process.start()
        return self.readings

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        seen = self._answers.get(timeout=300)
        self._process.join(300)
        self.readings.__dict__.update(seen.__dict__)


def _read_for_ever(path: Path, names: list[str], first: Any, last: Any, stop: Any, answers: Any) -> None:
    warehouse, seen = DuckDBWarehouse(path), Readings()
    while not stop.is_set():
        for name in names:
            begun = time.monotonic()
            try:
                seen.doubled += _doubled(warehouse, name, first, last)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                seen.errors.append(f"{type(error).__name__}: {error}")
            seen.seconds.append(time.monotonic() - begun)
    answers.put(seen)


def _doubled(warehouse: Warehouse, name: str, first: Any, last: Any) -> int:
    """Keys that are there more than once; a table that nobody has made yet has none."""
    with warehouse.session() as tables:
        if tables.query("SELECT 1 FROM duckdb_tables() WHERE table_name = $name", {"name": name}).empty:
            return 0
        key = "hour, instrument_id" + (", model_version" if name.startswith("prediction") else "")
        return len(
            tables.query(
                f"SELECT {key} FROM {name} WHERE hour BETWEEN $first AND $last GROUP BY {key} HAVING count(*) > 1",
                {"first": first, "last": last},
            )
        )
