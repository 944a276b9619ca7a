"""A backfill in chunks with one worker and with two, and as one run.

    python benchmarks/chunks.py [chunks] [hours a chunk] [instruments]

The tables are in a lake on this disk, Dagster, registry and catalog in PostgreSQL (a throw-away server, fsync on). A
champion is trained on a week. Then a backfill makes the hourly assets of the days after it in so many chunks (default:
4 of 48 hours, 250 instruments), by a daemon that lets one run go at a time, or two. Times are from the start of the
first run to the end of the last one, by Dagster's records. All end with equal tables, or the benchmark ends with 1.

Workers are processes on this machine: two of them need two idle cores, and share these with daemon and database.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pandas as pd
import yaml
from real_data import BIN, PROJECT, environment
from rich.console import Console
from rich.table import Table

from mlreg_dagster import jobs
from mlreg_dagster.config.places import DAGSTER, REGISTRY, TABLES
from mlreg_dagster.core.hours import HOUR, as_hour, hour_key
from mlreg_dagster.storage.warehouse.opening import open_tables
from mlreg_dagster_tests.postgres import running_server
from mlreg_dagster_tests.same_homes import tables_of
from mlreg_dagster_tests.storage.warehouse.lakes import lake_url, new_catalog

FIRST = as_hour("2025-01-09")
"""The day on which the replay trains; the backfill begins with the next one."""
ASK = """mutation ($it: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $it) { __typename ... on PythonError { message } }
}"""
CLOCKED = {"as_of", "computed_at", "recorded_at"}
SETTINGS = {
    "ingest": {"start": "2025-01-01T00:00", "simulated": {"opens": "2024-12-20T00:00"}},
    "datasets": {"history_hours": 168, "min_training_hours": 100},
    "outcomes": {"bootstrap_samples": 100},
}


def main(chunks: int = 4, hours: int = 48, instruments: int = 250) -> int:
    """Print the table."""
    plans = {"one run": (chunks * hours, 1), "one worker": (hours, 1), "two workers": (hours, 2)}
    seconds: dict[str, float] = {}
    held: dict[str, dict[str, pd.DataFrame]] = {}
    with running_server(fsync=True) as server, tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        for name, (hours_per_run, at_once) in plans.items():
            home = Path(folder) / name.replace(" ", "-")
            urls = {
                TABLES: lake_url(server.url, home / "lake"),
                REGISTRY: new_catalog(server.url),
                DAGSTER: new_catalog(server.url),
            }
            os.environ.update(urls)
            env = _prepared(home, hours_per_run, at_once, instruments)
            keys = [hour_key(FIRST + number * HOUR) for number in range(24, 24 + chunks * hours)]
            seconds[name] = _backfill(env, keys, -(-chunks * hours // hours_per_run))
            with open_tables(home) as tables:
                assert tables.connection is not None
                held[name] = tables_of(tables.connection)
    title = f"{chunks * hours} hours of {instruments} instruments in {chunks} chunks"
    table = Table("", "seconds", "hours a second", "speed-up", title=title)
    for name, spent in seconds.items():
        ratio = seconds["one worker"] / spent
        table.add_row(name, f"{spent:.1f}", f"{chunks * hours / spent:.1f}", f"{ratio:.2f}")
    Console(width=110).print(table)
    return _differences(held)


def _prepared(home: Path, hours_per_run: int, at_once: int, instruments: int) -> dict[str, str]:
    """A home with a champion, and the environment of its commands."""
    configs = home.with_name(f"{home.name}-configs")
    configs.mkdir(parents=True)
    files = {**SETTINGS, "automation": {"hours_per_run": hours_per_run}}
    files["ingest"] = {**SETTINGS["ingest"], "universe": instruments}
    for name, values in files.items():
        (configs / f"{name}.yaml").write_text(yaml.safe_dump(values))
    env = environment(home, configs)
    settings = Path(env["DAGSTER_HOME"]) / "dagster.yaml"
    changed = yaml.safe_load(settings.read_text())
    changed.setdefault("concurrency", {}).setdefault("runs", {})["max_concurrent_runs"] = at_once
    settings.write_text(yaml.safe_dump(changed))
    day = f"{FIRST:%Y-%m-%d}"
    replay = [BIN / "mlreg", "replay", "--from", day, "--to", day, "--policy", "passed"]
    done = subprocess.run([*replay, "--report", home / "replay.html"], env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return env


def _backfill(env: dict[str, str], keys: list[str], expected: int) -> float:
    """The seconds of a backfill of the hourly assets of these hours."""
    where = ["-m", "mlreg_dagster_tests.hosts.served"]  # without sensors, which would ask for all hours until today
    asked = {"assetSelection": [{"path": [name]} for name in jobs.HOURLY_ASSETS], "partitionNames": keys}
    words = ["-t", ASK, "-v", json.dumps({"it": asked})]  # as the UI asks; `dagster job backfill` knows no chunks
    os.environ.update({name: env[name] for name in ("DAGSTER_HOME", "MLREG_HOME", "MLREG_CONFIG_DIR")})
    env = env | {"PYTHONPATH": str(PROJECT)}
    with dg.DagsterInstance.get() as instance, _daemon(env, where):
        before = {run.run_id for run in instance.get_runs()}
        done = subprocess.run([BIN / "dagster-graphql", *where, *words], env=env, capture_output=True, text=True)
        if done.returncode or "LaunchBackfillSuccess" not in done.stdout:
            sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
        while True:
            of_job = [each for each in instance.get_run_records() if each.dagster_run.run_id not in before]
            if len(of_job) >= expected and all(each.dagster_run.is_finished for each in of_job):
                break
            time.sleep(0.2)
    failed = [each.dagster_run.run_id for each in of_job if each.dagster_run.is_failure]
    if failed:
        sys.exit(f"Runs failed: {failed}")
    return max(each.end_time or 0.0 for each in of_job) - min(each.start_time or 1e12 for each in of_job)


@contextmanager
def _daemon(env: dict[str, str], where: list[str]) -> Iterator[None]:
    log = (Path(env["MLREG_HOME"]) / "daemon.log").open("wb")
    process = subprocess.Popen([BIN / "dagster-daemon", "run", *where], env=env, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _differences(held: dict[str, dict[str, pd.DataFrame]]) -> int:
    """1 where the tables of the plans differ, but for the clock; says what does."""
    one, *others = held
    found = 0
    for other in others:
        for name, frame in held[one].items():
            columns = [column for column in frame if column not in CLOCKED]
            rows = [each[name][columns].sort_values(columns, ignore_index=True) for each in (held[one], held[other])]
            if not rows[0].equals(rows[1]):
                print(f"{name}: {one} and {other} differ")
                found = 1
    return found


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
