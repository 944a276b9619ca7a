"""Measures what `mlreg prune` makes of a month of hourly writes in a lake: files, seconds, and whether answers stay.

python benchmarks/lake_upkeep.py "ducklake:postgresql://user@host/empty#/folder" --days 31
"""

import argparse
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from mlreg_dagster.storage.warehouse.lake import open_lake, upkeep
from mlreg_dagster.storage.warehouse.opening import warehouse_of
from mlreg_dagster.storage.warehouse.tables import UTC as TIME
from mlreg_dagster.storage.warehouse.tables import Table, column

VALUES = [f"value_{number}" for number in range(10)]
TABLE = Table(
    "benchmark_rows",
    "One instrument in one hour.",
    {"hour": column(TIME, "The hour."), "name": column(str, "Of the instrument.")}
    | {name: column(float, "A value.") for name in VALUES},
    ("hour", "name"),
)


def _rows(hour: pd.Timestamp, instruments: int, random: np.random.Generator) -> pd.DataFrame:
    frame = pd.DataFrame({"hour": pd.Series([hour] * instruments, dtype=TIME)})
    frame["name"] = pd.Series([f"i{number}" for number in range(instruments)], dtype="str")
    return frame.assign(**{name: random.normal(size=instruments) for name in VALUES})


def main() -> None:
    """Write, prune, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="Of an empty lake.")
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--instruments", type=int, default=250)
    asked = parser.parse_args()
    tables, lake, random = warehouse_of(asked.url), open_lake(asked.url, 60.0), np.random.default_rng(0)
    hours = pd.date_range("2026-01-01", periods=24 * asked.days, freq="h", tz="UTC")
    began = time.perf_counter()
    for hour in hours:
        tables.write(TABLE, _rows(hour, asked.instruments, random), [hour])
    print(f"{len(hours)} writes: {time.perf_counter() - began:.1f} s")
    for step in ("before", "after"):
        began = time.perf_counter()
        found = tables.read(TABLE, hours[-24], hours[-1])
        seconds = time.perf_counter() - began
        with tables.look() as connection:
            (files,) = upkeep.table_files(connection)
            content = connection.execute(f"SELECT count(*), sum(hash(t)) FROM {TABLE.name} AS t").fetchall()
        print(
            f"{step}: {files.files} files, {files.size:,} bytes, "
            f"{len(found)} rows of a day in {seconds:.3f} s, {content}"
        )
        if step == "before":
            began = time.perf_counter()
            upkeep.merge(lake, TABLE.name)
            print(f"merge: {time.perf_counter() - began:.1f} s")
    later = datetime.now(UTC) + timedelta(days=2)
    for name, step in (("expire", lambda: upkeep.expire(lake, later)), ("remove", lambda: upkeep.remove(lake, later))):
        began = time.perf_counter()
        step()
        print(f"{name}: {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
