"""What Dagster's events of a range of hours cost in PostgreSQL: the stock storage beside the project's.

    python benchmarks/dagster_events.py [rounds] [hours]

A run over so many hours (default: 168, a week) of four assets with nothing in them and a check, in `rounds` (default:
3) that take turns, each way in a schema of its own of one throw-away server (fsync off, so that the disk is left out;
needs PostgreSQL's binaries). `stock, batches on` sets DAGSTER_EVENT_BATCH_SIZE, which Dagster does not by itself.
"""

import logging
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

import dagster as dg
import sqlalchemy as sa
import yaml
from rich.console import Console
from rich.table import Table

from mlreg_dagster_tests.postgres import postgres_server, schema_of_its_own

HOURS = dg.HourlyPartitionsDefinition("2026-01-01-00:00", timezone="UTC")
OURS = {"module": "mlreg_dagster.orchestration.dagster_internals.postgres_storage", "class": "BatchedPostgresStorage"}
WAYS = {"stock": "0", "stock, batches on": "1000", "the project's": "1000"}
RANGE = {"partitions_def": HOURS, "backfill_policy": dg.BackfillPolicy.single_run()}


def _asset(name: str, deps: list[str]) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=deps, **RANGE)
    def made() -> None: ...

    return made


NAMES = ["snapshot", "features", "predictions", "outcomes"]
ASSETS = [_asset(name, NAMES[max(0, number - 1) : number]) for number, name in enumerate(NAMES)]


@dg.asset_check(asset="features")
def sound() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def main(rounds: int = 3, hours: int = 168) -> None:
    """Print the medians."""
    logging.disable(logging.INFO)
    job = dg.Definitions(
        assets=ASSETS, asset_checks=[sound], jobs=[dg.define_asset_job("all_of_it", selection="*")]
    ).resolve_job_def("all_of_it")
    first = HOURS.get_first_partition_key()
    last = HOURS.get_partition_keys()[hours - 1]
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    commits: dict[str, int] = {}
    with contextmanager(postgres_server.__wrapped__)() as server, tempfile.TemporaryDirectory() as folder:
        instances = {}
        for number, name in enumerate(WAYS):
            home = Path(folder) / str(number)
            home.mkdir()
            url = schema_of_its_own(server).replace("+psycopg:", "+psycopg2:")
            place = {"postgres_url": url}
            storage = {"custom": {**OURS, "config": place}} if name == "the project's" else {"postgres": place}
            (home / "dagster.yaml").write_text(yaml.safe_dump({"storage": storage, "telemetry": {"enabled": False}}))
            instances[name] = dg.DagsterInstance.from_config(str(home))
        engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
        for _ in range(rounds):
            for name, batch in WAYS.items():
                os.environ["DAGSTER_EVENT_BATCH_SIZE"] = batch
                before = _commits(engine)
                began = perf_counter()
                assert job.execute_in_process(instance=instances[name], tags=tags).success
                seconds[name].append(perf_counter() - began)
                commits[name] = _commits(engine) - before
        for instance in instances.values():
            instance.dispose()
        engine.dispose()
    table = Table(
        "", "s", "transactions", "the project's is", title=f"A run over {hours} hours, four assets, one check"
    )
    ours = median(seconds["the project's"])
    for name, times in seconds.items():
        table.add_row(name, f"{median(times):.1f}", f"{commits[name]:,}", f"{median(times) / ours:.1f} x as fast")
    Console().print(table)


def _commits(engine: sa.Engine) -> int:
    """How many transactions the server has committed; each session tells of its own when it ends."""
    query = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
