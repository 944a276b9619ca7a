"""The whole lifecycle on a real archive, on one folder and on three URLs: tables, registry, outcomes, times.

    python benchmarks/real_data_places.py [crypto|vn_stocks] [folder of archives]

The story is that of `real_data.py`, run twice: on an embedded home, and with the tables in a lake whose files are in an
object store, artifacts in that store and the registry in PostgreSQL. The servers are throw-away ones on this machine:
PostgreSQL with fsync on, and moto, a Python program. Ends with 1 where the two hold anything that differs.
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
from real_data import PROJECT, STORIES, environment, run_story, write_configs

from mlreg_dagster.config.places import ARTIFACTS, REGISTRY, TABLES, registry_url
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.warehouse.opening import open_tables
from mlreg_dagster_tests.object_store import make_bucket, variables
from mlreg_dagster_tests.object_store import running_server as running_store
from mlreg_dagster_tests.postgres import running_server, schema_of_its_own
from mlreg_dagster_tests.same_homes import DRAWN, TIMES, records_of, tables_of
from mlreg_dagster_tests.storage.warehouse.lakes import lake_url

Held = tuple[dict[str, pd.DataFrame], dict[str, Any]]


def main(name: str = "crypto", data: str | None = None) -> int:
    """Run both, and print what differs."""
    archives = Path(data or os.environ.get("MLREG_TEST_DATA", PROJECT.parent / "shared/data"))
    with (
        tempfile.TemporaryDirectory(prefix="mlreg-") as folder,
        running_server(fsync=True) as server,
        running_store() as store,
    ):
        bucket = make_bucket(store)
        urls = variables(store) | {
            TABLES: lake_url(server.url, f"s3://{bucket}/tables"),
            ARTIFACTS: f"s3://{bucket}/artifacts",
            REGISTRY: schema_of_its_own(server.url),
        }
        configs = Path(folder) / "configs"
        write_configs(STORIES[name], archives, configs)
        alone, alone_s = _held(name, Path(folder) / "alone", configs, {})
        shared, shared_s = _held(name, Path(folder) / "shared", configs, urls)
    print(f"one folder {alone_s:.0f} s, three URLs {shared_s:.0f} s: {shared_s / alone_s:.2f} times")
    found = [*_tables_differ(alone[0], shared[0]), *_records_differ(alone[1], shared[1])]
    rows = {table: len(frame) for table, frame in alone[0].items()}
    print(f"{len(rows)} tables with {sum(rows.values()):,} rows, {len(alone[1]['versions'])} versions:", end=" ")
    print("; ".join(found) if found else "equal")
    return 1 if found else 0


def _held(name: str, home: Path, configs: Path, urls: Mapping[str, str]) -> tuple[Held, float]:
    """What a home holds at the end, and the seconds that it took."""
    before = dict(os.environ)
    os.environ.update(urls)
    try:
        begun = perf_counter()
        run_story(STORIES[name], environment(home, configs))
        seconds = perf_counter() - begun
        with open_tables(home) as tables:
            assert tables.connection is not None
            return (tables_of(tables.connection), records_of(Registry(registry_url(home)), DRAWN | TIMES)), seconds
    finally:
        os.environ.clear()
        os.environ.update(before)


def _tables_differ(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> list[str]:
    if one.keys() != other.keys():
        return [f"tables of one alone: {sorted(one.keys() ^ other.keys())}"]
    return [
        f"{name}.{column}" for name in one for column in one[name] if not one[name][column].equals(other[name][column])
    ]


def _records_differ(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [f"{kind}: {one[kind]} != {other[kind]}"[:3000] for kind in one if one[kind] != other[kind]]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
