"""What happens with a version of Dagster that the project was not tried with."""

import re
import warnings
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

import mlreg_dagster
from mlreg_dagster.orchestration.dagster_internals import version_guard
from mlreg_dagster.orchestration.dagster_internals.event_log import BatchedSqliteEventLogStorage
from mlreg_dagster.orchestration.dagster_internals.partition_metadata import add_partition_metadata
from mlreg_dagster.storage.homes import prepare_home
from mlreg_dagster_tests.repository import PROJECT_DIR

HOURS = dg.HourlyPartitionsDefinition("2026-01-01-00:00")
ROWS = {f"2026-01-01-0{hour}:00": {"share": hour / 10} for hour in range(3)}


@dg.asset(partitions_def=HOURS, backfill_policy=dg.BackfillPolicy.single_run())
def ranged(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    context.add_asset_metadata({"kept": 1}, partition_key="2026-01-01-01:00")
    add_partition_metadata(context, ROWS)
    return dg.MaterializeResult()


@pytest.fixture
def untried(monkeypatch):
    """Dagster 1.14.0 is installed, by what it says of itself."""
    version_guard.is_tried.cache_clear()
    monkeypatch.setattr(version_guard, "version", lambda name: "1.14.0")  # noqa: ARG005
    yield
    version_guard.is_tried.cache_clear()


def _metadata() -> dict[str, dict[str, object]]:
    tags = {
        "dagster/asset_partition_range_start": "2026-01-01-00:00",
        "dagster/asset_partition_range_end": "2026-01-01-02:00",
    }
    job = dg.Definitions(assets=[ranged], jobs=[dg.define_asset_job("job", selection="*")]).resolve_job_def("job")
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance, tags=tags).success
        records = instance.fetch_materializations(ranged.key, limit=10).records
    found = (record.asset_materialization for record in records)
    return {each.partition: {name: value.value for name, value in each.metadata.items()} for each in found}


def test_the_installed_version_is_tried_and_nothing_is_said():
    version_guard.is_tried.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert version_guard.is_tried()


def test_the_tried_versions_are_those_that_are_installed_with_the_package():
    wanted = re.search(r'"dagster([^"]+)"', (PROJECT_DIR / "pyproject.toml").read_text(encoding="utf-8"))
    assert wanted is not None
    assert set(wanted[1].split(",")) == set(str(version_guard.TRIED).split(","))


@pytest.mark.usefixtures("untried")
def test_another_version_keeps_its_own_storage_and_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    prepare_home()
    with pytest.warns(version_guard.UntriedDagster, match=r"Dagster 1\.14\.0 is installed.*pip install"):
        instance = dg.DagsterInstance.get()
    with instance:
        assert isinstance(instance.event_log_storage, SqliteEventLogStorage)
        assert not isinstance(instance.event_log_storage, BatchedSqliteEventLogStorage)
        assert instance.get_runs_count() == 0


def test_the_public_way_gives_partitions_the_same_metadata(request):
    by_our_way = _metadata()
    assert by_our_way["2026-01-01-01:00"] == {"kept": 1, "share": 0.1}
    request.getfixturevalue("untried")
    with pytest.warns(version_guard.UntriedDagster):
        assert _metadata() == by_our_way


def test_nothing_else_uses_private_parts_of_dagster():
    package = Path(mlreg_dagster.__file__).parent
    private = re.compile(r"\b(from|import) dagster\._|_metadata_accumulator")
    users = {file for file in package.rglob("*.py") if private.search(file.read_text(encoding="utf-8"))}
    assert {file.parent.name for file in users} == {"dagster_internals"}
