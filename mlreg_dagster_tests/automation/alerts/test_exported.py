"""What is exported of Dagster's event log: how jobs ended last, and how new each asset is."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster import AssetKey, AssetMaterialization, DagsterInstance

from mlreg_dagster.automation.alerts.exported import objective_samples, run_samples
from mlreg_dagster.automation.alerts.facts import WATCHED, Place
from mlreg_dagster.config import IngestSettings, Settings
from mlreg_dagster.core.names import HOURLY, HOURLY_ASSETS
from mlreg_dagster.registry import Registry

NOW = datetime(2026, 1, 3, 12, 30, tzinfo=UTC)


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as made:
        yield made


def values(samples) -> dict:
    return {(each.metric, *each.labels): each.value for each in samples}


def end(instance, job, *, succeeds):
    """One run of a job of that name."""

    @dg.op
    def work():
        if not succeeds:
            raise ValueError

    @dg.job(name=job)
    def made():
        work()

    made.execute_in_process(instance=instance, raise_on_error=False)


def test_a_job_counts_as_failed_by_its_last_run_alone(instance):
    assert set(values(run_samples(instance)).values()) == {0.0}
    end(instance, HOURLY, succeeds=False)
    found = values(run_samples(instance))
    assert {job for (_, job), value in found.items() if value} == {HOURLY}
    assert len(found) == len(WATCHED)
    end(instance, HOURLY, succeeds=True)
    assert set(values(run_samples(instance)).values()) == {0.0}


def test_the_newest_partition_is_told_by_its_end(instance):
    made = (("predictions", "2026-01-02-23:00"), ("predictions", "2026-01-02-05:00"), ("model_worth", "2026-01-01"))
    for asset, key in made:
        instance.report_runless_asset_event(AssetMaterialization(AssetKey(asset), partition=key))
    found = values(run_samples(instance))
    name = "mlreg_newest_timestamp_seconds"
    assert found[name, "predictions"] == datetime(2026, 1, 3, tzinfo=UTC).timestamp()
    assert found[name, "model_worth"] == datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    assert not [asset for asset in HOURLY_ASSETS if asset != "predictions" and (name, asset) in found]


def place(instance, tmp_path):
    registry = Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}", lambda: ({}, NOW))
    return Place(instance, frozenset(), registry, tmp_path)


def test_objectives_of_a_market_that_goes_on_are_measured_and_of_one_that_ended_are_not(instance, tmp_path):
    here = place(instance, tmp_path)
    instance.report_runless_asset_event(AssetMaterialization(AssetKey("predictions"), partition="2026-01-03-10:00"))
    goes_on = Settings(ingest=IngestSettings(start="2026-01-01T00:00", end=None))
    found = values(objective_samples(here, goes_on, NOW))
    assert found["mlreg_slo_seconds", "predictions"] == 1.5 * 3600
    assert found["mlreg_slo_met", "predictions"] == 1.0
    ended = Settings(ingest=IngestSettings(start="2026-01-01T00:00", end="2026-01-02T00:00"))
    assert objective_samples(here, ended, NOW) == []
