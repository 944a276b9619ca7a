"""What it takes to start: CPU seconds of commands, of the code location and of a run, beside `import dagster`.

    python benchmarks/startup.py [repeats]

Each is a process of its own on a small home, measured by the user and system time that it took, the smallest of the
repeats (default: 5); they take turns, so that what else the machine does meets all of them alike. Budgets: 1.0 s for a
command that only asks the registry, 1.3 times `import dagster` and 1 s for the code location, 3 s for a run of one hour
before its first step.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mlreg_dagster.core.hours import hour_key
from mlreg_dagster.storage.homes import prepare_home
from mlreg_dagster_tests.lifecycle import DUE, Lifecycle, go_live, train

ASKING = ("env", "champion", "history", "status", "audit verify", "decisions v1", "refusals", "policy show", "--help")
DAGSTER, LOCATION = "import dagster", "load the code location"
LOAD = "import mlreg_dagster.definitions as module; module.build_definitions()"
RUN = """
import sys, time
import dagster._cli  # as `dagster api execute_run`, which the daemon starts
import dagster as dg
from mlreg_dagster.definitions import build_definitions

job = build_definitions().resolve_job_def("hourly")
instance = dg.DagsterInstance.get()
told = instance.handle_new_event

def handle(event, **how):
    if event.is_dagster_event and event.dagster_event_type == dg.DagsterEventType.STEP_START:
        print(time.process_time())
    return told(event, **how)

instance.handle_new_event = handle
job.execute_in_process(instance=instance, partition_key=sys.argv[1], raise_on_error=False)
print(time.process_time())
"""


def main() -> None:
    """Print the table; exit with 1 where a budget is exceeded."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        world = Lifecycle(Path(folder) / "home")
        train(world)
        go_live(world)
        environment = {**os.environ, **prepare_home(world.home), "MLREG_CONFIG_DIR": str(world.config_dir)}
        python = lambda *arguments: lambda: cpu_of([sys.executable, "-W", "ignore", *arguments], environment)  # noqa: E731
        measured: dict[str, Callable[[], float]] = {
            DAGSTER: python("-c", "import dagster"),
            "import pandas": python("-c", "import pandas"),
            **{f"mlreg {name}": python("-m", "mlreg_dagster.cli", *name.split()) for name in ASKING},
            "from mlreg_dagster import Client": python("-c", "from mlreg_dagster import Client"),
            LOCATION: python("-c", LOAD),
        }
        found = {name: [] for name in measured}
        steps: list[list[float]] = []
        for _ in range(repeats):
            for name, measure in measured.items():
                found[name].append(measure())
            steps.append(seconds_of_run(environment))
    best = {name: min(seconds) for name, seconds in found.items()}
    firsts = [min(seconds) for seconds in zip(*steps, strict=True)]
    best |= {"run of one hour, before its first step": firsts[0], "run of one hour, whole": firsts[-1]}
    budgets = {f"mlreg {name}": 1.0 for name in ASKING}
    budgets |= {LOCATION: 1.3 * best[DAGSTER] + 1, "run of one hour, before its first step": 3.0}
    table = Table("what", "CPU, s", "x import dagster", "budget, s", title="Start-up", title_justify="left")
    for name, seconds in best.items():
        budget = f"{budgets[name]:.2f}" if name in budgets else ""
        table.add_row(name, f"{seconds:.2f}", f"{seconds / best[DAGSTER]:.2f}", budget)
    Console().print(table)
    sys.exit(any(best[name] > budget for name, budget in budgets.items()))


def cpu_of(command: list[str], environment: dict[str, str]) -> float:
    """User and system time of a process, in seconds; whether it succeeds does not matter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def seconds_of_run(environment: dict[str, str]) -> list[float]:
    """CPU seconds of a run's process when each of its steps began, and at its end."""
    command = [sys.executable, "-W", "ignore", "-c", RUN, hour_key(DUE)]
    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [float(line) for line in answer.stdout.split()]


if __name__ == "__main__":
    main()
