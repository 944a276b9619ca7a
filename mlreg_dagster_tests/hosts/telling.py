"""Run on a host: what the tables and Dagster hold, into a folder.

python -m mlreg_dagster_tests.hosts.telling FOLDER
"""

import json
import sys
from pathlib import Path

import dagster as dg

from mlreg_dagster.config import home_dir
from mlreg_dagster.storage.warehouse.opening import open_warehouse


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir()
    tables = open_warehouse(home_dir())
    for name in ("market_snapshot", "market_features"):
        tables.query(f"SELECT * FROM {name} ORDER BY hour, instrument_id").to_parquet(folder / f"{name}.parquet")
    with dg.DagsterInstance.get() as instance:
        made = instance.get_materialized_partitions(dg.AssetKey("market_features"))
        runs = [{"status": run.status.value, "tags": dict(run.tags)} for run in instance.get_runs()]
    (folder / "dagster.json").write_text(json.dumps({"runs": runs, "made": sorted(made)}))


if __name__ == "__main__":
    main()
