import getpass

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster.core.errors import TransientError
from mlreg_dagster.orchestration.resources import Clock, WarehouseResource, current_actor
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.guarded_file import WarehouseBusy
from mlreg_dagster_tests.storage.warehouse.sample_table import FIRST, READINGS, rows


def test_a_connection_of_ones_own_is_guarded_like_every_other(tmp_path):
    resource = WarehouseResource(database=str(tmp_path / "tables.duckdb"), lock_timeout_s=0.1)
    with resource.get_connection() as connection:
        assert connection.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)
        with pytest.raises(WarehouseBusy), DuckDBWarehouse(tmp_path / "tables.duckdb", 0.1).connect():
            pass
    with resource.open().connect():
        pass


HOURS = dg.HourlyPartitionsDefinition("2026-01-01-00:00", timezone="UTC")
DAYS = dg.DailyPartitionsDefinition("2026-01-01", timezone="UTC")
VERSIONS = dg.StaticPartitionsDefinition(["v1"])
RANGE = {
    "dagster/asset_partition_range_start": "2026-01-01-00:00",
    "dagster/asset_partition_range_end": "2026-01-01-01:00",
}


def run(path, step, partitions, **keys):
    """A run whose first asset uses the warehouse, and whose second takes that `step` then."""

    @dg.asset(partitions_def=partitions, backfill_policy=dg.BackfillPolicy.single_run())
    def first(mlreg_warehouse: WarehouseResource) -> None:
        mlreg_warehouse.open().write(READINGS, rows([FIRST]), [FIRST])

    @dg.asset(partitions_def=partitions, backfill_policy=dg.BackfillPolicy.single_run(), deps=[first])
    def second(mlreg_warehouse: WarehouseResource) -> None:
        step(mlreg_warehouse)

    resources = {"mlreg_warehouse": WarehouseResource(database=str(path))}
    definitions = dg.Definitions(assets=[first, second], resources=resources, executor=dg.in_process_executor)
    with dg.DagsterInstance.ephemeral() as instance:
        assert definitions.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance, **keys).success


def free(path):
    try:
        return len(DuckDBWarehouse(path, 0.1).read(READINGS)) == 3
    except WarehouseBusy:
        return False


def test_a_run_of_one_hour_keeps_the_file_to_its_end(tmp_path):
    path, seen = tmp_path / "tables.duckdb", []
    run(path, lambda _: seen.append(free(path)), HOURS, partition_key="2026-01-01-00:00")
    assert seen == [False]
    assert free(path)


@pytest.mark.parametrize(
    ("partitions", "keys"),
    [
        (HOURS, {"tags": RANGE}),
        (DAYS, {"partition_key": "2026-01-01"}),
        (VERSIONS, {"partition_key": "v1"}),
        (None, {}),
    ],
)
def test_other_runs_keep_it_no_longer_than_they_use_it(tmp_path, partitions, keys):
    path, seen = tmp_path / "tables.duckdb", []
    run(path, lambda _: seen.append(free(path)), partitions, **keys)
    assert seen == [True]


def test_a_step_that_waits_to_be_tried_again_does_not_keep_it(tmp_path):
    path, seen = tmp_path / "tables.duckdb", []

    @retried
    def failing(warehouse: WarehouseResource) -> None:
        assert not free(warehouse.database)
        raise TransientError("the registry is away")

    def step(warehouse: WarehouseResource) -> None:
        with pytest.raises(dg.RetryRequested):
            failing(warehouse=warehouse)
        seen.append(free(path))

    run(path, step, HOURS, partition_key="2026-01-01-00:00")
    assert seen == [True]


@pytest.mark.parametrize("text", ["2026-01-08T00:30", "2026-01-08T01:30+01:00"])
def test_a_clock_can_stand_still(text):
    assert Clock(fixed=text).now() == pd.Timestamp("2026-01-08T00:30Z")


def test_a_clock_goes_by_the_machine_in_utc():
    before = pd.Timestamp.now(tz="UTC")
    assert before <= Clock().now() <= pd.Timestamp.now(tz="UTC")
    assert str(Clock().now().tz) == "UTC"


def test_who_acts_is_the_one_named_then_the_environment_then_the_user(monkeypatch):
    monkeypatch.setenv("MLREG_ACTOR", "anna")
    assert current_actor("bert") == "bert"
    assert current_actor(None) == "anna"
    monkeypatch.delenv("MLREG_ACTOR")
    assert current_actor(None) == getpass.getuser()
