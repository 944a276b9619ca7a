"""What a replay of history costs, and whose time it is.

    python benchmarks/replay.py [days] [instruments]

Replays a simulated market with weekly retraining (default: 365 days, 250 instruments), then executes the same runs once
more with nothing in them. What they cost is Dagster's: events, plans, its databases. The rest is ours.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import yaml
from emptied import emptied
from rich.console import Console
from rich.table import Table

from mlreg_dagster.config import load_settings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS
from mlreg_dagster.orchestration.resources import ReplayClock
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster.runner import Runner
from mlreg_dagster.storage.homes import prepare_home

QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
START = as_hour("2025-01-01")


def main() -> None:
    """Print the table."""
    days, instruments = (int(word) for word in (sys.argv[1:] + ["365", "250"][len(sys.argv) - 1 :])[:2])
    console = Console()
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        runner = make_runner(Path(folder), days, instruments)
        seconds = time_of_replay(runner, days)
        whole = sum(seconds.values())
        empty = time_of_empty_runs(runner, Path(folder) / "empty")
        console.print(f"{days} days, {instruments} instruments, retrained every 7 days: {described(runner)}")
        table = Table("what", "seconds", "share", title_justify="left")
        for step, spent in sorted(seconds.items(), key=lambda item: -item[1]):
            table.add_row(step, f"{spent:.1f}", f"{spent / whole:.0%}")
        table.add_section()
        table.add_row("all", f"{whole:.1f}", "100%")
        table.add_row("the same runs with nothing in them", f"{empty:.1f}", f"{empty / whole:.0%}")
        table.add_row("our share", f"{whole - empty:.1f}", f"{1 - empty / whole:.0%}")
        console.print(table)


def make_runner(folder: Path, days: int, instruments: int, **others: dict[str, Any]) -> Runner:
    """The project's own settings, but for the size of the market and `others` by file, on a home of its own."""
    configs = folder / "configs"
    configs.mkdir()
    opens = START.isoformat()
    end = (START + pd.Timedelta(days=days)).isoformat()
    ingest = {"start": opens, "end": end, "universe": instruments, "simulated": {"opens": opens}}
    for name, values in {"ingest": ingest, **others}.items():
        (configs / f"{name}.yaml").write_text(yaml.safe_dump(values))
    os.environ.pop("DAGSTER_HOME", None)
    os.environ.update(prepare_home(folder / "home"))
    return Runner(settings=load_settings(configs), home=folder / "home", resources={"clock": ReplayClock()})


def time_of_replay(runner: Runner, days: int) -> Counter[str]:
    """Seconds by kind of step."""
    seconds: Counter[str] = Counter()
    under_way, since = "start", time.perf_counter()

    def tell(step: str, clock: pd.Timestamp) -> None:
        nonlocal under_way, since
        now = time.perf_counter()
        seconds[under_way] += now - since
        under_way, since = ("promote" if "becomes champion" in step else step.split()[0]), now
        print(f"{clock:%Y-%m-%d} {step}", file=sys.stderr)

    plan = Replay(START, START + pd.Timedelta(days=days), 7, ("model",), runner.settings.promotion)
    run_replay(runner, plan, tell)
    del seconds["start"]
    return seconds


def time_of_empty_runs(runner: Runner, home: Path) -> float:
    """Seconds that the runs of the replay take on an instance of their own, with nothing in them."""
    definitions = emptied(runner.definitions)
    runs = [record.dagster_run for record in runner.instance.get_run_records(ascending=True)]
    os.environ.pop("DAGSTER_HOME", None)
    os.environ.update(prepare_home(home))
    with dg.DagsterInstance.get() as instance:
        versions = runner.instance.get_dynamic_partitions(str(MODEL_VERSIONS.name))
        instance.add_dynamic_partitions(str(MODEL_VERSIONS.name), list(versions))
        begun = time.perf_counter()
        for run in runs:
            tags = {name: value for name, value in run.tags.items() if name.startswith("dagster/asset_partition_range")}
            definitions.resolve_job_def(run.job_name).execute_in_process(
                instance=instance, run_config=QUIET, partition_key=run.tags.get("dagster/partition"), tags=tags
            )
        return time.perf_counter() - begun


def described(runner: Runner) -> str:
    """How much was done."""
    count = {
        table.name: int(runner.warehouse.query(f"SELECT count(*) AS n FROM {table.name}")["n"].iloc[0])
        for table in (PREDICTIONS, PREDICTION_OUTCOMES)
    }
    return (
        f"{len(runner.registry.versions())} versions, {len(runner.registry.history(CHAMPION))} promotions, "
        f"{count[PREDICTIONS.name]:,} predictions, {count[PREDICTION_OUTCOMES.name]:,} outcomes, "
        f"{runner.instance.get_runs_count()} runs."
    )


if __name__ == "__main__":
    main()
