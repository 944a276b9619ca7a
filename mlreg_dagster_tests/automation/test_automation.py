"""Schedule and sensors as the daemon calls them; what they ask for is run in this process until they are quiet."""

import shutil

import dagster as dg
import pytest

from mlreg_dagster.automation.common import ACTOR
from mlreg_dagster.core.hours import as_hour, hour_range
from mlreg_dagster.core.names import MLFLOW_SENSOR
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster_tests.first_day import SECOND_DAY_OVER
from mlreg_dagster_tests.location import SENSORS, Location

pytestmark = pytest.mark.slow


def test_a_cold_start_needs_no_hand(made_first_day, reopen):
    done = made_first_day.with_name("first_day.txt").read_text().splitlines()
    assert done == [
        "hourly 2026-01-01-00:00...2026-01-01-23:00",  # all hours in one run
        "datasets 2026-01-01",
        "performance 2026-01-01...2026-01-01",
        "retrain v1",
        "promote None",
    ]
    location = reopen()
    assert location.failed_runs() == []
    assert location.world.registry.status("v1") == "evaluated"
    assert location.champions() == [("v1", ACTOR)]
    assert location.settle() == []


def test_two_trainings_and_promotions_need_no_hand(made_second_day, tmp_path):
    assert made_second_day.with_name("second_day.txt").read_text().splitlines() == [
        "hourly 2026-01-02-00:00...2026-01-02-23:00",
        "datasets 2026-01-02",
        "performance 2026-01-02...2026-01-02",
        "retrain v2",
        "promote None",
    ]
    location = Location(shutil.copytree(made_second_day, tmp_path / "location"), SECOND_DAY_OVER)
    assert location.champions() == [("v1", ACTOR), ("v2", ACTOR)]
    assert [version.dataset_day for version in location.world.registry.versions()] == ["2026-01-01", "2026-01-02"]
    predictions = location.table(PREDICTIONS)
    predictions = predictions[predictions["role"] != "ranking"]
    assert set(predictions["model_version"]) == {"v1"}
    reigned = hour_range(as_hour("2026-01-02T01:00"), as_hour("2026-01-02T23:00"))
    assert sorted(predictions["hour"].unique()) == list(reigned)
    assert len(location.table(PREDICTION_OUTCOMES)) > 0
    assert location.failed_runs() == []


def test_everything_is_on_by_default(reopen):
    repository = reopen().repository
    assert {each.name for each in repository.sensor_defs} == {
        *SENSORS,
        "failure_sensor",
        "cancellation_sensor",
        "never_started_sensor",
        "check_sensor",
        "alert_sensor",
        "served_sensor",
        "rollout_sensor",
        MLFLOW_SENSOR,
    }
    on = {each.name for each in repository.sensor_defs if each.default_status == dg.DefaultSensorStatus.RUNNING}
    assert on == {each.name for each in repository.sensor_defs} - {MLFLOW_SENSOR}  # nobody named a place of MLflow
    on = {each.name for each in repository.schedule_defs if each.default_status == dg.DefaultScheduleStatus.RUNNING}
    assert on == {"hourly_schedule", "weekly_schedule"}  # one deletes, one has no place to publish at
