"""The time of writing and reading an hour: a lake beside the DuckDB file that is kept open, in turns.

    python benchmarks/lake_latency.py [hours] [names]

PostgreSQL is a throw-away server with fsync off, and all files are in one temporary folder. The mirror of the file is
left out, since a lake has none.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.storage.warehouse.guarded_file import GuardedFile
from mlreg_dagster.storage.warehouse.opening import warehouse_of
from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse
from mlreg_dagster_tests.postgres import running_server
from mlreg_dagster_tests.storage.warehouse.lakes import lake_url
from mlreg_dagster_tests.storage.warehouse.sample_table import FIRST, READINGS, rows


def main(hours: int = 40, names: int = 250) -> None:
    """Print medians and 95th percentiles, and how many times as long the lake takes."""
    with running_server() as server, tempfile.TemporaryDirectory() as folder:
        file = SqlWarehouse(GuardedFile(Path(folder) / "tables.duckdb", stay_open=True))
        lake = warehouse_of(lake_url(server.url, Path(folder) / "lake"))
        seconds: dict[tuple[str, str], list[float]] = {}
        for number in range(hours + 1):
            hour = FIRST + number * HOUR
            frame = rows([hour], names)
            for kind, tables in (("file", file), ("lake", lake)):
                uses: dict[str, Callable[[], object]] = {
                    "write a new hour": lambda: tables.write(READINGS, frame, [hour]),  # noqa: B023 - used at once
                    "replace it": lambda: tables.write(READINGS, frame, [hour]),  # noqa: B023
                    "read an hour": lambda: tables.read(READINGS, hour, hour),  # noqa: B023
                    "read 24 hours": lambda: tables.read(READINGS, hour - 23 * HOUR, hour),  # noqa: B023
                }
                for use, do in uses.items():
                    began = time.perf_counter()
                    do()
                    if number:  # the first makes the table
                        seconds.setdefault((use, kind), []).append(time.perf_counter() - began)
    table = Table(
        "", "file p50 / p95 ms", "lake p50 / p95 ms", "lake / file, p50", title=f"{hours} hours x {names} rows"
    )
    for use in dict.fromkeys(use for use, _ in seconds):
        file_s, lake_s = sorted(seconds[use, "file"]), sorted(seconds[use, "lake"])
        table.add_row(use, _shown(file_s), _shown(lake_s), f"{lake_s[len(lake_s) // 2] / file_s[len(file_s) // 2]:.1f}")
    Console(width=120).print(table)


def _shown(seconds: list[float]) -> str:
    return f"{1000 * seconds[len(seconds) // 2]:.0f} / {1000 * seconds[int(0.95 * len(seconds))]:.0f}"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
