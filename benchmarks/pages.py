"""Whether the registry pages answer in time at the size of a year, and what they cost the hourly job.

    python benchmarks/pages.py [days] [requests]

1. Start-up: CPU seconds until `mlreg pages` listens, beside `import dagster`; they take turns (budget: 2 times).
2. Pages: each page of a synthetic home is asked for by a real client of a real server: p50, p95 and bytes a page, the
   first request apart (budget: p95 of 300 ms on an idle machine, 200 kB). The home is that of `benchmarks/runbook.py`:
   a day of the tests' lifecycle is laid into the days before it (default: 365), 21 times an hour: 252 instruments; v1
   and v2 are registered again up to v52. It repeats numbers, so its files compress better than those of a market.
3. Beside the hourly job: 100 hours of a market of 250 instruments are run by the hourly job, every other one while a
   client asks for pages without pause, 1,000 requests in all (default): failures, and medians of both kinds of hours
   (budget: no failure, 5 %).

Exits with 1 where a budget is exceeded.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pandas as pd
import runbook
from hourly import ANY_MODEL, DAYS
from replay import START, make_runner
from rich.console import Console
from rich.table import Table
from startup import cpu_of

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, hour_key
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.homes import prepare_home
from mlreg_dagster_tests.pages.following import follow

VERSIONS, COPIES = 52, 21
OF_ONE_KIND = 20
"""Requests for one page."""
P95_MS, BYTES, START_UP, SLOWER = 300.0, 200_000, 2.0, 1.05
MLREG = [sys.executable, "-W", "ignore", "-m", "mlreg_dagster.cli"]


def main() -> None:
    """Print the tables; exit with 1 where a budget is exceeded."""
    days, requests = (int(word) for word in (sys.argv[1:] + ["365", "1000"][len(sys.argv) - 1 :])[:2])
    missed = []
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        title, environment = year(Path(folder), days)
        missed += start_up(environment)
        missed += every_page(title, environment)
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        missed += beside_the_hourly_job(Path(folder), requests)
    for sentence in missed:
        print(f"MISSED: {sentence}")
    sys.exit(bool(missed))


def year(folder: Path, days: int) -> tuple[str, dict[str, str]]:
    """A home of so many days and VERSIONS versions, mirrored."""
    runbook.COPIES = COPIES
    title, environment = runbook.made_home(folder, days)
    home = Path(environment["MLREG_HOME"])
    registry, store = Registry(f"sqlite:///{home / 'registry.sqlite'}"), open_artifacts(str(home / "artifacts"))
    for number in range(len(registry.versions()) + 1, VERSIONS + 1):
        again(registry, store, registry.version(f"v{1 + number % 2}"), f"v{number}")
    with duckdb.connect(home / "warehouse.duckdb") as connection:
        for name in ("model_performance", "model_worth"):
            daily(connection, name, days)
    subprocess.run([*MLREG, "mirror"], env=environment, check=True, stdout=subprocess.DEVNULL)
    return f"{title}, {VERSIONS} versions", environment


def again(registry: Registry, store: Any, like: Any, version: str) -> None:
    """Register a version's bundle under another name, evaluated as it was."""
    model = artifact.load(store, like.version, like.artifact_sha256)
    bundle = artifact.save(store, version, model)
    by = Attribution("tester", like.created_at + HOUR, "a benchmark wants it")
    registry.register(
        version,
        by,
        detector=like.detector,
        dataset_day=like.dataset_day,
        dataset_sha256=like.dataset_sha256,
        artifact_sha256=bundle.sha256,
        manifest=like.manifest,
    )
    last = registry.evaluations(like.version)[-1]
    registry.record_evaluation(
        version,
        by,
        artifact_sha256=bundle.sha256,
        holdout_sha256=last.holdout_sha256,
        gates=last.gates,
        metrics=last.metrics,
        thresholds=last.thresholds,
        holdout_day=last.holdout_day,
        code_sha256=last.code_sha256,
    )


def daily(connection: duckdb.DuckDBPyConnection, name: str, days: int) -> None:
    """Repeat the newest day of a table of days on each day before it that it lacks."""
    connection.execute(
        f"INSERT INTO {name} BY NAME SELECT newest.* REPLACE (day - to_days(back) AS day) "
        f"FROM (SELECT * FROM {name} WHERE day = (SELECT max(day) FROM {name})) AS newest, "
        f"(SELECT CAST(unnest(range(1, {days})) AS INTEGER) AS back) WHERE NOT EXISTS (SELECT 1 FROM {name} AS there "
        "WHERE there.day = newest.day - to_days(back) AND there.model_version = newest.model_version)"
    )


def start_up(environment: dict[str, str]) -> Iterator[str]:
    """CPU seconds until the pages listen, beside `import dagster`."""
    listening = "from mlreg_dagster.pages.process import pages_app; from mlreg_dagster.config import home_dir, "
    listening += "load_settings; import uvicorn; from mlreg_dagster.pages.access import Access; "
    listening += "pages_app(home_dir(), load_settings(), Access())"
    ways = {"import dagster": "import dagster", "mlreg pages": f"import mlreg_dagster.cli; {listening}"}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(5):
        for name, code in ways.items():
            spent[name].append(cpu_of([sys.executable, "-W", "ignore", "-c", code], environment))
    dagster, pages = (min(seconds) for seconds in spent.values())
    print(f"Start-up: {pages:.2f} s of CPU, import dagster {dagster:.2f} s: {pages / dagster:.2f} times.")
    if pages > START_UP * dagster:
        yield f"the pages start in {pages / dagster:.2f} times import dagster, not {START_UP}"


def every_page(title: str, environment: dict[str, str]) -> Iterator[str]:
    """p50, p95 and size of each kind of page."""
    table = Table("page", "requests", "first, ms", "p50, ms", "p95, ms", "kB", title=title, title_justify="left")
    missed = []
    with serving(environment) as url, httpx.Client(base_url=url, timeout=60) as client:
        for kind, paths in sorted(follow(client, OF_ONE_KIND).items()):
            millis, size = [], 0
            for number in range(OF_ONE_KIND + 1):
                begun = time.perf_counter()
                answer = client.get(paths[number % len(paths)])
                millis.append(1e3 * (time.perf_counter() - begun))
                answer.raise_for_status()
                size = max(size, len(answer.content))
            p50, p95 = statistics.median(millis[1:]), statistics.quantiles(millis[1:], n=20)[-1]
            table.add_row(kind, str(len(millis)), *(f"{each:.0f}" for each in (millis[0], p50, p95, size / 1000)))
            if p95 > P95_MS:
                missed.append(f"{kind} has a p95 of {p95:.0f} ms")
            if size > BYTES:
                missed.append(f"{kind} has {size:,} bytes")
    Console(width=160).print(table)
    yield from missed


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[str]:
    """The pages in a process of their own; gives their URL."""
    process = subprocess.Popen([*MLREG, "pages", "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().rpartition(" on ")[2].strip()
    finally:
        process.terminate()
        process.wait()


def beside_the_hourly_job(folder: Path, requests: int, hours: int = 100) -> Iterator[str]:
    """Hours run with and without a client that asks for pages."""
    runner = make_runner(folder, DAYS + 6, 250, evaluation=ANY_MODEL)
    plan = Replay(START, START + pd.Timedelta(days=DAYS), DAYS - 1, ("model",), runner.settings.promotion)
    run_replay(runner, plan, lambda step, _: print(step, file=sys.stderr))
    environment = {**os.environ, **prepare_home(folder / "home"), "MLREG_CONFIG_DIR": str(folder / "configs")}
    asked, failed = 0, []
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with serving(environment) as url, ProcessPoolExecutor(1, get_context("spawn")) as client_process:
        with httpx.Client(base_url=url, timeout=60) as client:
            paths = [path for some in follow(client, OF_ONE_KIND).values() for path in some]
        for number in range(hours + 1):
            count = requests // (hours // 2) if number % 2 else 0
            asking = client_process.submit(ask, url, paths, count, number)
            begun = time.perf_counter()
            runner.run_partition(jobs.HOURLY, hour_key(plan.end + number * HOUR))
            seconds[bool(number % 2)].append(time.perf_counter() - begun)
            answers = asking.result()
            asked += len(answers)
            failed += [each for each in answers if each != 200]
    alone, beside = (statistics.median(seconds[kind][1:]) for kind in (False, True))
    print(
        f"{asked} requests beside {hours // 2} hours: {len(failed)} failed. An hour takes {beside:.2f} s beside them, "
        f"{alone:.2f} s alone: {beside / alone:.2f} times."
    )
    if failed:
        yield f"{len(failed)} of {asked} requests failed: {sorted(set(failed))}"
    if beside > SLOWER * alone:
        yield f"an hour takes {beside / alone:.2f} times as long beside the pages, not {SLOWER}"


def ask(url: str, paths: list[str], count: int, first: int) -> list[int]:
    """The status of the answers to so many requests."""
    with httpx.Client(base_url=url, timeout=120) as client:
        return [client.get(paths[(first + number) * 7919 % len(paths)]).status_code for number in range(count)]


if __name__ == "__main__":
    main()
