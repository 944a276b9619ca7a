import os
import shutil
import sqlite3
from pathlib import Path

import dagster as dg
import pytest
import yaml

from mlreg_dagster.orchestration.dagster_internals.event_log import BatchedSqliteEventLogStorage

HOURS = dg.HourlyPartitionsDefinition("2026-01-01-00:00", timezone="UTC", end_offset=0)
FIRST, LAST = "2026-01-01-03:00", "2026-01-02-20:00"
BATCHED = {"module": "mlreg_dagster.orchestration.dagster_internals.event_log", "class": "BatchedSqliteStorage"}


@dg.asset(partitions_def=HOURS, backfill_policy=dg.BackfillPolicy.single_run())
def price(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    for number, key in enumerate(context.partition_keys):
        context.add_asset_metadata({"number": number}, partition_key=key)
    return dg.MaterializeResult(data_version=dg.DataVersion("1"), tags={"colour": "red"})


@dg.asset(partitions_def=HOURS, backfill_policy=dg.BackfillPolicy.single_run(), deps=[price])
def change() -> None: ...


@dg.asset_check(asset=price)
def positive() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@pytest.fixture(autouse=True)
def _no_batches_elsewhere(monkeypatch):
    """The storage switches batches on for its process; the next test shall not find them on."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE")


def home_of(folder: Path, name: str, storage: dict | None) -> Path:
    home = folder / name
    home.mkdir()
    config = {"telemetry": {"enabled": False}}
    if storage:
        config["storage"] = {"custom": {**storage, "config": {"base_dir": str(home)}}}
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    return home


def run_a_range(instance: dg.DagsterInstance, first: str = FIRST, last: str = LAST) -> dg.ExecuteInProcessResult:
    job = dg.Definitions(
        assets=[price, change], asset_checks=[positive], jobs=[dg.define_asset_job("both", selection="*")]
    ).resolve_job_def("both")
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return job.execute_in_process(instance=instance, tags=tags)


def told(instance: dg.DagsterInstance, run_id: str) -> dict:
    """Everything that pages and sensors ask the event log for."""
    key = dg.AssetKey("price")
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    ids = instance.get_latest_storage_id_by_partition(key, kind)
    records = instance.fetch_materializations(key, limit=1000).records
    latest = instance.get_latest_materialization_event(key).asset_materialization
    return {
        "partitions": [instance.get_materialized_partitions(dg.AssetKey(name)) for name in ("price", "change")],
        "in order": sorted(ids, key=ids.get),
        "planned": sorted(
            instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
        ),
        "newest first": [
            (record.partition_key, record.asset_materialization.metadata["number"].value) for record in records
        ],
        "latest": (latest.partition, latest.metadata["number"].value),
        "tags": [dict(tags) for tags in instance.get_event_tags_for_asset(key)],
        "log of the run": [entry.dagster_event_type for entry in instance.all_logs(run_id)],
        "checks": [
            record.status
            for record in instance.event_log_storage.get_asset_check_execution_history(positive.check_key, 9)
        ],
        "known": sorted(key.to_user_string() for key in instance.all_asset_keys()),
    }


def test_it_tells_what_the_stock_storage_tells(tmp_path):
    with dg.DagsterInstance.from_config(str(home_of(tmp_path, "stock", None))) as instance:
        expected = told(instance, run_a_range(instance).run_id)
    with dg.DagsterInstance.from_config(str(home_of(tmp_path, "batched", BATCHED))) as instance:
        assert isinstance(instance.event_log_storage, BatchedSqliteEventLogStorage)
        found = told(instance, run_a_range(instance).run_id)
    assert expected["latest"] == (LAST, 41)
    assert {name: found[name] for name in found if name != "log of the run"} == {
        name: expected[name] for name in expected if name != "log of the run"
    }
    assert sorted(map(str, found["log of the run"])) == sorted(map(str, expected["log of the run"]))


def test_a_range_is_few_transactions(tmp_path, monkeypatch):
    """The disk is not asked to settle each event: that is what makes years affordable."""
    begun = []
    original = BatchedSqliteEventLogStorage._connect

    def counted(self, shard):
        begun.append(shard)
        return original(self, shard)

    with dg.DagsterInstance.from_config(str(home_of(tmp_path, "batched", BATCHED))) as instance:
        run_a_range(instance, FIRST, FIRST)  # what a first run asks once
        monkeypatch.setattr(BatchedSqliteEventLogStorage, "_connect", counted)
        run_a_range(instance, FIRST, FIRST)
        for_one = len(begun)
        begun.clear()
        run_a_range(instance)
        assert len(begun) == for_one


def test_either_storage_reads_the_files_of_the_other(tmp_path):
    home = home_of(tmp_path, "home", BATCHED)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        first = told(instance, run_a_range(instance).run_id)
    shutil.copytree(home, tmp_path / "copy")
    (tmp_path / "copy" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    del os.environ["DAGSTER_EVENT_BATCH_SIZE"]
    with dg.DagsterInstance.from_config(str(tmp_path / "copy")) as instance:
        assert not isinstance(instance.event_log_storage, BatchedSqliteEventLogStorage)
        assert instance.get_materialized_partitions(dg.AssetKey("price")) == first["partitions"][0]
        run_a_range(instance, LAST, "2026-01-03-04:00")
    (tmp_path / "copy" / "dagster.yaml").write_text(
        yaml.safe_dump({"storage": {"custom": {**BATCHED, "config": {"base_dir": str(tmp_path / "copy")}}}})
    )
    with dg.DagsterInstance.from_config(str(tmp_path / "copy")) as instance:
        assert len(instance.get_materialized_partitions(dg.AssetKey("price"))) == 42 + 8


def test_the_files_are_not_risked(tmp_path):
    """A write-ahead log that is not synced at each commit: what a power cut takes is the last moments alone."""
    home = home_of(tmp_path, "batched", BATCHED)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run_id = run_a_range(instance).run_id
        with instance.event_log_storage.run_connection(run_id) as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
    for name in ("index", run_id):
        with sqlite3.connect(home / "history" / "runs" / f"{name}.db") as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_file_of_a_run_is_made_like_the_stock_storage_makes_it(tmp_path):
    made = []
    for name, storage in (("stock", None), ("batched", BATCHED)):
        home = home_of(tmp_path, name, storage)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            runs = [run_a_range(instance, FIRST, FIRST).run_id for _ in range(2)]
        for run_id in runs:
            with sqlite3.connect(home / "history" / "runs" / f"{run_id}.db") as connection:
                ways = ("SELECT type, name, sql FROM sqlite_master ORDER BY name", "SELECT * FROM alembic_version")
                made.append([connection.execute(way).fetchall() for way in ways])
        assert not list((home / "history" / "runs").glob("*.new"))
    assert made[1:] == made[:1] * 3


def test_a_batch_that_can_not_be_written_leaves_nothing_half_indexed(tmp_path, monkeypatch):
    with dg.DagsterInstance.from_config(str(home_of(tmp_path, "batched", BATCHED))) as instance:
        run_a_range(instance, FIRST, FIRST)
        storage = instance.event_log_storage

        def fail(*_):
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(storage, "_store_asset_event", fail)
        events = [record.event_log_entry for record in instance.fetch_materializations(price.key, limit=1).records]
        with pytest.raises(sqlite3.OperationalError):
            storage.store_event_batch(events * 2)
        assert len(instance.fetch_materializations(price.key, limit=100).records) == 1
