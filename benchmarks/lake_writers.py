"""Processes that write hours of one table in a lake at once: rows stored twice, lost rows, errors, and times.

    python benchmarks/lake_writers.py [processes] [hours] [names] [--without-lock]

PostgreSQL is a throw-away server with fsync off, the files are on a disk. Each process writes as many hours, all the
same ones or each its own, into a new table or over rows that are there. `--without-lock` shows what the lock is for.
"""

import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mlreg_dagster_tests.postgres import running_server
from mlreg_dagster_tests.storage.warehouse.lake_writers import race
from mlreg_dagster_tests.storage.warehouse.lakes import lake_url

COLUMNS = ("hours", "table", "writes", "writes/s", "p50 ms", "p95 ms", "stored twice", "lost", "errors")


def main(processes: int = 8, hours: int = 50, names: int = 250, *, locked: bool = True) -> None:
    """Run the four cases, and print their outcomes."""
    table = Table(*COLUMNS, title=f"{processes} processes x {hours} hours x {names} rows, lock: {locked}")
    failures: list[str] = []
    with running_server() as server, tempfile.TemporaryDirectory() as folder:
        for same in (False, True):
            url = lake_url(server.url, Path(folder) / f"same-{same}")
            for state in ("empty", "filled"):
                outcome = race(url, processes, hours, same=same, names=names, locked=locked)
                failures += outcome.errors
                writes = len(outcome.seconds)
                table.add_row(
                    "same" if same else "different",
                    state,
                    str(writes),
                    f"{writes / outcome.elapsed_s:.1f}",
                    f"{outcome.percentile_ms(0.5):.0f}",
                    f"{outcome.percentile_ms(0.95):.0f}",
                    str(outcome.duplicates),
                    str(outcome.lost),
                    str(len(outcome.errors)),
                )
    console = Console(width=140)
    console.print(table)
    for failure in failures[:3]:
        console.print(failure)


if __name__ == "__main__":
    main(*map(int, [word for word in sys.argv[1:] if word.isdigit()]), locked="--without-lock" not in sys.argv)
