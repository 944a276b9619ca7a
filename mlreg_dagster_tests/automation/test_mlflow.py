"""The sensor and the job that keep the mirror in MLflow in step."""

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.automation.mlflow import build_mlflow_sensor
from mlreg_dagster.core.names import MLFLOW_SENSOR
from mlreg_dagster.integrations.mlflow import client, mirror
from mlreg_dagster.integrations.mlflow.place import place_of
from mlreg_dagster_tests.integrations.mlflow.conftest import quick_build


def ask(world, cursor=None):
    sensor = world.definitions.get_repository_def().get_sensor_def(MLFLOW_SENSOR)
    resources = {key: world.definitions.resources[key] for key in sensor.required_resource_keys}
    with dg.build_sensor_context(world.instance, cursor, resources=resources) as context:
        return sensor.evaluate_tick(context)


def run(world):
    job = world.definitions.resolve_job_def(jobs.MLFLOW_SYNC)
    return job.execute_in_process(instance=world.instance, raise_on_error=False)


@pytest.mark.slow
def test_a_new_record_asks_for_a_run_and_nothing_new_does_not(trained):
    first = ask(trained)
    assert len(first.run_requests) == 1
    assert "is mirrored" in ask(trained, first.cursor).skip_message
    trained.promote("v1")
    assert len(ask(trained, first.cursor).run_requests) == 1


@pytest.mark.slow
def test_a_run_mirrors_and_fails_where_someone_changed_something(trained, monkeypatch):
    monkeypatch.setattr(mirror, "build", quick_build)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert run(trained).success
    assert run(trained).success
    opened = client.open_client(place_of(trained.home))
    opened.set_registered_model_alias("mlreg", "champion", "3")
    assert not run(trained).success
    assert opened.get_registered_model("mlreg").aliases == {}
    assert run(trained).success


@pytest.mark.parametrize("named", [True, False])
def test_it_is_on_where_a_place_is_named(tmp_path, monkeypatch, named):
    if named:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    else:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    by_name = {jobs.MLFLOW_SYNC: dg.define_asset_job(jobs.MLFLOW_SYNC)}
    status = build_mlflow_sensor(by_name, tmp_path).default_status
    assert (status == dg.DefaultSensorStatus.RUNNING) == named
