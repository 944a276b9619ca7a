"""Whether the questions of docs/runbook.md are answered in the times that it states.

    python benchmarks/runbook.py [days]

The commands are those of the tables in the runbook whose last column is `within`, in their order, each in a process of
its own. A target is held against the time of the processor, since what else the machine does is no fault of a command;
the time on the wall stands beside it. The home is synthetic: the lifecycle of the tests, whose day of predictions,
outcomes, features and snapshots is laid into the year before it (default: 365 days), nine times an hour: 108
instruments. It repeats numbers, so its file compresses better than that of a market; a replay of a year takes hours.
Exits with 1 where a command fails or takes longer.
"""

import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
from rich.console import Console
from rich.table import Table

from mlreg_dagster.storage.homes import prepare_home
from mlreg_dagster_tests.lifecycle import LIVE, Lifecycle, go_live, train
from mlreg_dagster_tests.repository import PROJECT_DIR

COPIES = 9
RUNBOOK = PROJECT_DIR / "docs" / "runbook.md"
UNITS = {"s": 1.0, "min": 60.0}
ANSWERED = {"mlreg doctor": (0, 1)}
"""Exit codes of an answer: no run of the synthetic home is on record, which the doctor says."""

MLREG = (sys.executable, "-W", "ignore", "-m", "mlreg_dagster.cli")


class Question(NamedTuple):
    """A row of the runbook."""

    question: str
    command: str
    seconds: float


def main(days: int = 365) -> None:
    """Print target and time of each command; exit with 1 where one fails or takes longer."""
    with tempfile.TemporaryDirectory() as folder:
        home, environment = made_home(Path(folder), days)
        table = Table("question", "command", "within, s", "CPU, s", "wall, s", title=home, title_justify="left")
        missed = False
        for each in questions(RUNBOOK.read_text(encoding="utf-8")):
            code, cpu, wall = timed(shlex.split(each.command)[1:], environment, Path(folder))
            failed = code not in ANSWERED.get(each.command, (0,))
            missed |= failed or cpu > each.seconds
            ended = f" [red]exit {code}[/]" if failed else ""
            table.add_row(each.question, each.command, f"{each.seconds:g}", f"{cpu:.1f}", f"{wall:.1f}{ended}")
        Console(width=200).print(table)
    sys.exit(missed)


def questions(text: str) -> Iterator[Question]:
    """The rows of the tables whose last column is `within`, but for those that say how much data a time is for."""
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            inside = False
        elif cells[-1] == "within":
            inside = True
        elif inside and (found := re.fullmatch(r"(\d+) (s|min)", cells[-1])):
            command = cells[1].strip("`").replace("\\|", "|")
            yield Question(cells[0], command, float(found[1]) * UNITS[found[2]])


def made_home(folder: Path, days: int) -> tuple[str, dict[str, str]]:
    """A home of so many days; what it is, in words, and the environment that names it."""
    world = Lifecycle(folder / "home")
    train(world)
    go_live(world)
    with duckdb.connect(world.home / "warehouse.duckdb") as connection:
        for name in ("market_snapshot", "market_features", "predictions", "prediction_outcomes", "prediction_reasons"):
            lay_out(connection, name, days)
        (rows,) = connection.execute("SELECT count(*) FROM predictions").fetchall()[0]
    os.environ.pop("DAGSTER_HOME", None)
    environment = {
        **os.environ,
        **prepare_home(world.home),
        "MLREG_CONFIG_DIR": str(world.config_dir),
        "MLREG_ACTOR": "tester",
    }
    return f"A synthetic home: {days} days, {12 * COPIES} instruments, {rows:,} predictions", environment


def lay_out(connection: duckdb.DuckDBPyConnection, name: str, days: int) -> None:
    """Repeat a day of a table on each day before it, under so many names an instrument; the days between are filled."""
    day = f"TIMESTAMPTZ '{LIVE}' + INTERVAL 1 DAY" if name == "prediction_outcomes" else f"TIMESTAMPTZ '{LIVE}'"
    columns = [row[0] for row in connection.execute(f"DESCRIBE {name}").fetchall()]
    earlier = [each for each in ("hour", "prediction_hour", "outcome_price_hour", "crossed_at") if each in columns]
    replaced = ", ".join(f"{each} - to_days(back) AS {each}" for each in earlier)
    connection.execute(
        f"CREATE TEMP TABLE whole AS SELECT * FROM {name} WHERE hour >= {day} AND hour < {day} + INTERVAL 1 DAY"
    )
    connection.execute(
        f"INSERT INTO {name} BY NAME SELECT whole.* REPLACE ({replaced}, "
        "CASE WHEN copy = 0 THEN instrument_id ELSE instrument_id || '-' || copy END AS instrument_id) FROM whole, "
        f"(SELECT CAST(unnest(range(0, {days})) AS INTEGER) AS back), (SELECT unnest(range(0, {COPIES})) AS copy) "
        f"WHERE copy > 0 OR NOT EXISTS (SELECT 1 FROM {name} AS there "
        "WHERE there.hour = whole.hour - to_days(back) AND there.instrument_id = whole.instrument_id)"
    )
    connection.execute("DROP TABLE whole")


def timed(arguments: list[str], environment: dict[str, str], folder: Path) -> tuple[int, float, float]:
    """Exit code, seconds of the processor, and seconds on the wall of a command."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    answer = subprocess.run(
        [*MLREG, *arguments], env=environment, cwd=folder, check=False, capture_output=True, text=True
    )
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
    if answer.returncode:
        print(f"mlreg {shlex.join(arguments)}: {answer.stderr.strip()[-400:]}", file=sys.stderr)
    return answer.returncode, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
