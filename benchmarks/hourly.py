"""What an hour costs, against the same run with nothing in it.

    python benchmarks/hourly.py [instruments] [hours]

A champion is trained on a week of a simulated market (default: 250 instruments); then the hourly job and its emptied
twins take turns in one process, hour by hour (default: 9). The twins run on the project's event storage and on
Dagster's own, as it comes. Medians.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pandas as pd
from emptied import emptied
from replay import QUIET, START, make_runner
from rich.console import Console
from rich.table import Table

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, hour_key
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster.runner import Runner

DAYS = 16  # a week that features look back on, a week of training, its holdout, and a day that the champion scores
ANY_MODEL = {"min_average_precision_margin": -1.0}  # what is timed is an hour with a champion, good or bad
OURS = "the hourly job"


def main() -> None:
    """Print the table."""
    instruments, hours = (int(word) for word in (sys.argv[1:] + ["250", "9"][len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        runner = make_runner(Path(folder), DAYS + 1, instruments, evaluation=ANY_MODEL)
        plan = Replay(START, START + pd.Timedelta(days=DAYS), DAYS - 1, ("model",), runner.settings.promotion)
        run_replay(runner, plan, lambda step, _: print(step, file=sys.stderr))
        if not runner.registry.history(CHAMPION):
            sys.exit("No version became champion, so that an hour has no predictions to be timed.")
        (Path(folder) / "stock").mkdir()
        stock = dg.DagsterInstance.local_temp(str(Path(folder) / "stock"))
        ways: dict[str, Callable[[str], object]] = {OURS: lambda key: runner.run_partition(jobs.HOURLY, key)}
        for checks in (True, False):
            for storage, instance in (("", runner.instance), (", on Dagster's own storage", stock)):
                name = f"its assets{' and checks' if checks else ''}, emptied{storage}"
                ways[name] = _empty(runner, instance, checks)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(hours + 1):
            for name, run in ways.items():
                begun = time.perf_counter()
                run(hour_key(plan.end + number * HOUR))
                seconds[name].append(time.perf_counter() - begun)
    table = Table("a run of", "seconds", "the hourly job is", title=f"{instruments} instruments, {hours} hours")
    medians = {name: statistics.median(spent[1:]) for name, spent in seconds.items()}  # the first one imports
    for name, median in medians.items():
        table.add_row(name, f"{median:.2f}", f"{medians[OURS] / median:.1f}x")
    Console().print(table)


def _empty(runner: Runner, instance: dg.DagsterInstance, checks: bool) -> Callable[[str], object]:
    job = emptied(runner.definitions, checks).resolve_job_def(jobs.HOURLY)
    return lambda key: job.execute_in_process(instance=instance, run_config=QUIET, partition_key=key)


if __name__ == "__main__":
    main()
