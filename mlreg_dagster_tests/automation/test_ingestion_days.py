"""Hours that failed or are under way, and days that wait for their hours, as the sensors ask for them."""

import dagster as dg
import pytest
import sqlalchemy

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import as_hour, hour_range
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING

pytestmark = pytest.mark.slow


# --- failures ---------------------------------------------------------------------------------------------------


def test_a_failed_run_is_tried_again_after_ten_minutes(reopen, broken_market, later):
    location = reopen("2026-01-02T04:30", source=broken_market)
    assert location.tick("catch_up_sensor") == ["hourly 2026-01-02-00:00...2026-01-02-03:00 failed"]
    assert "failed" in location.ask("catch_up_sensor").skip_message
    later(minutes=9)
    assert location.tick("catch_up_sensor") == []
    later(minutes=11)
    reopened = reopen("2026-01-02T04:30")
    assert reopened.settle() == ["hourly 2026-01-02-00:00...2026-01-02-03:00"]


def test_hours_that_can_t_be_had_hold_up_neither_others_nor_days(reopen, broken_market, later):
    location = reopen("2026-01-02T06:30", source=broken_market)
    location.world.run_hours(jobs.HOURLY, hour_range(as_hour("2026-01-02"), as_hour("2026-01-02T01:00")))
    location.world.run_hours(jobs.HOURLY, hour_range(as_hour("2026-01-02T04:00"), as_hour("2026-01-02T05:00")))
    location.materialize("market_snapshot", "2026-01-02-05:00")  # repaired by a person
    location.thaw(TRAINING, HOLDOUT)
    gap = "hourly 2026-01-02-02:00...2026-01-02-03:00 failed"
    assert location.tick("catch_up_sensor") == [gap, "follow_up 2026-01-02-05:00...2026-01-02-05:00"]
    assert [request.job_name for request in location.ask("days_sensor").run_requests] == [jobs.DATASETS]
    later(minutes=11)
    assert location.tick("catch_up_sensor") == [gap]


def test_while_a_run_is_under_way_no_other_is_started(reopen, later):
    location = reopen("2026-01-03T00:30")
    job = location.world.definitions.resolve_job_def(jobs.HOURLY)
    location.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    for name in ("catch_up_sensor", "days_sensor"):
        assert location.ask(name).skip_message.endswith(" of hourly is under way.")
    later(minutes=29)
    assert not location.ask("catch_up_sensor").run_requests
    later(minutes=31)  # its process was killed
    assert location.ask("catch_up_sensor").run_requests


def test_a_long_run_that_gives_signs_of_life_is_not_dead(reopen):
    location = reopen("2026-01-03T00:30")
    job = location.world.definitions.resolve_job_def(jobs.HOURLY)
    run = location.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    with location.instance.run_storage.connect() as connection:
        connection.execute(sqlalchemy.text("UPDATE runs SET create_timestamp = datetime('now', '-2 hours')"))
    location.instance.report_engine_event("still here", run)
    assert not location.ask("catch_up_sensor").run_requests


# --- days -------------------------------------------------------------------------------------------------------


def test_a_young_location_waits_until_there_is_enough_history(reopen):
    datasets = {"history_hours": 24, "holdout_hours": 8, "min_training_hours": 16, "min_holdout_hours": 8}
    location = reopen(configs={"datasets": datasets})
    location.thaw(TRAINING, HOLDOUT)
    assert location.ask("days_sensor").run_requests
    location = reopen(configs={"datasets": {**datasets, "history_hours": 25, "min_training_hours": 17}})
    assert not location.ask("days_sensor").run_requests


def test_a_dataset_waits_for_the_follow_up_of_repaired_hours(reopen):
    location = reopen()
    location.thaw(TRAINING, HOLDOUT)
    location.materialize("market_snapshot", "2026-01-01-22:00")
    assert location.tick("days_sensor") == []
    assert location.tick("catch_up_sensor") == ["follow_up 2026-01-01-22:00...2026-01-01-23:00"]
    assert "datasets 2026-01-01" in location.tick("days_sensor")


@pytest.mark.parametrize("half", [TRAINING, HOLDOUT])
def test_a_dataset_of_which_one_half_is_frozen_is_asked_for(reopen, half):
    location = reopen()
    location.thaw(half)
    (request,) = location.ask("days_sensor").run_requests
    assert (request.job_name, request.partition_key) == (jobs.DATASETS, "2026-01-01")


def test_a_dataset_is_asked_for_again_only_when_its_hours_have_changed(reopen):
    location = reopen()
    location.thaw(TRAINING)
    asked = location.ask("days_sensor").run_requests[0].run_key
    for asset in ("market_snapshot", "market_features"):
        location.materialize(asset, "2026-01-02-00:00")
    assert location.ask("days_sensor").run_requests[0].run_key == asked
    location.materialize("market_features", "2026-01-01-23:00")
    assert location.ask("days_sensor").run_requests[0].run_key != asked
