"""Hours and days, as the schedule and the sensors ask for them."""

import dagster as dg
import pandas as pd
import pytest
import sqlalchemy

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, as_hour, hour_key, hour_range
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster_tests.lifecycle import START
from mlreg_dagster_tests.location import SENSORS, Location

pytestmark = pytest.mark.slow


# --- hours ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("time", ["2026-01-02T07:05", "2026-01-02T07:59"])
def test_the_schedule_asks_for_the_hour_that_has_just_ended(reopen, time):
    (request,) = reopen("2026-01-02T08:00").at_schedule(time).run_requests
    assert request.partition_key == "2026-01-02-06:00"


ENDING = {"ingest": {"start": START.isoformat(), "end": "2026-01-02T06:00", "universe": 12}}


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("2026-01-01T00:05", "2025-12-31-23:00 lies before the first hour, 2026-01-01-00:00 (`start` in ingest.yaml)."),
        ("2026-01-02T05:05", "can't be asked about 2026-01-02-04:00, only about 2026-01-01-00:00 to 2026-01-02-03:00."),
        ("2026-01-02T07:05", "The market ended with 2026-01-02-05:00 (`end` in ingest.yaml): no hour is to come."),
    ],
)
def test_the_schedule_says_why_it_does_not_ask_for_an_hour(reopen, time, reason):
    answer = reopen("2026-01-02T04:05", ENDING).at_schedule(time)
    assert not answer.run_requests
    assert reason in answer.skip_message


def test_the_newest_hour_is_left_to_the_schedule_for_a_while(reopen):
    assert not reopen("2026-01-02T01:15").ask("catch_up_sensor").run_requests
    (request,) = reopen("2026-01-02T01:20").ask("catch_up_sensor").run_requests
    assert request.tags["dagster/asset_partition_range_start"] == "2026-01-02-00:00"


@pytest.mark.parametrize("now", ["2025-12-24T00:00", "2026-01-01T00:10", "2026-01-01T01:10"])
def test_before_the_first_hour_has_ended_nothing_is_asked_for(tmp_path, now):
    location = Location(tmp_path / "young", now)
    assert {name: bool(location.ask(name).run_requests) for name in SENSORS} == dict.fromkeys(SENSORS, False)


FEW = {"ingest": {"start": START.isoformat(), "universe": 12, "catch_up_hours": 5}}


def test_an_empty_home_begins_so_many_hours_back(tmp_path):
    location = Location(tmp_path / "new", "2026-01-03T00:30", FEW)
    assert location.tick("catch_up_sensor") == ["hourly 2026-01-02-19:00...2026-01-02-23:00"]
    assert "All 5 hours from 2026-01-02-19:00 to 2026-01-02-23:00 are up to date." in (
        location.ask("catch_up_sensor").skip_message
    )


def test_an_outage_that_was_longer_leaves_no_hole(reopen):
    """The hours after the newest one come in forward; what is recent does not wait for them."""
    location = reopen("2026-01-02T12:30", FEW)
    (request,) = location.at_schedule("2026-01-02T12:05").run_requests
    location.start(request, jobs.HOURLY)
    assert location.tick("catch_up_sensor") == [
        "hourly 2026-01-02-00:00...2026-01-02-04:00",
        "hourly 2026-01-02-07:00...2026-01-02-10:00",
    ]
    location.settle()
    hours = pd.DatetimeIndex(location.table(MARKET_SNAPSHOT)["hour"].unique())
    assert list(hours) == list(hour_range(START, as_hour("2026-01-02T11:00")))
    assert len(location.table(features_table(location.world.settings.features))) == len(location.table(MARKET_SNAPSHOT))
    assert location.settle() == []


def test_hours_that_are_lost_for_good_are_told(reopen):
    class Forgetful(SimulatedMarket):
        def span(self, now):
            return now.floor("h") - 3 * HOUR, now.floor("h") - HOUR

    settings = reopen().world.settings.ingest
    source = Forgetful(settings.simulated, settings.universe)
    location = reopen("2026-01-02T12:30", source=source)
    assert location.tick("catch_up_sensor") == ["hourly 2026-01-02-09:00...2026-01-02-11:00"]
    assert location.ask("catch_up_sensor").skip_message == (
        "9 hours are missing for good: simulated can't be asked about hours before 2026-01-02-09:00. "
        "All 27 hours from 2026-01-01-00:00 to 2026-01-02-11:00 are up to date."
    )


def test_a_market_that_has_ended_comes_to_rest_and_says_so(reopen):
    location = reopen("2026-11-25T12:30", ENDING)
    assert location.settle()[0] == "hourly 2026-01-02-00:00...2026-01-02-05:00"
    ended = "The market ended with 2026-01-02-05:00 (`end` in ingest.yaml): no hour is to come."
    assert location.ask("catch_up_sensor").skip_message == (
        f"{ended} All 30 hours from 2026-01-01-00:00 to 2026-01-02-05:00 are up to date."
    )
    assert location.failed_runs() == []


def test_an_outage_leaves_no_trace(reopen):
    """Two hours are missed while the schedule goes on; after catch-up all tables equal those of an unbroken run.

    But for the threshold of the hour that was scored meanwhile, and so its flags: they stay as they were recorded.
    """
    unbroken = reopen("2026-01-02T07:30", name="unbroken")
    unbroken.world.run_hours(jobs.HOURLY, hour_range(as_hour("2026-01-02"), as_hour("2026-01-02T06:00")))

    broken = reopen("2026-01-02T07:30")
    broken.world.run_hours(jobs.HOURLY, hour_range(as_hour("2026-01-02"), as_hour("2026-01-02T03:00")))
    (request,) = broken.at_schedule("2026-01-02T07:05").run_requests
    assert broken.start(request, jobs.HOURLY) == "hourly 2026-01-02-06:00"
    tables = (MARKET_SNAPSHOT, features_table(broken.world.settings.features), PREDICTIONS, PREDICTION_OUTCOMES)
    for table in tables:
        assert len(broken.table(table)) > 0
        assert not broken.table(table).equals(unbroken.table(table)), table.name

    assert broken.tick("catch_up_sensor") == ["hourly 2026-01-02-04:00...2026-01-02-05:00"]
    assert broken.tick("catch_up_sensor") == ["follow_up 2026-01-02-06:00...2026-01-02-06:00"]
    assert broken.tick("catch_up_sensor") == []
    flags = ["threshold", "is_anomaly"]
    for table in tables:
        left, right = (each.table(table).drop(columns=flags, errors="ignore") for each in (broken, unbroken))
        pd.testing.assert_frame_equal(left, right, check_exact=True)
    before, after = (each.table(PREDICTIONS) for each in (broken, unbroken))
    early = before["hour"] < as_hour("2026-01-02T06:00")
    pd.testing.assert_frame_equal(before[early], after[early], check_exact=True)


def test_what_follows_from_a_late_hour_leaves_frozen_datasets_alone(reopen):
    location = reopen()
    frozen = {kind: location.world.artifacts.find(kind, "2026-01-01").sha256 for kind in (TRAINING, HOLDOUT)}
    location.materialize("market_snapshot", "2026-01-01-21:00")
    assert location.settle() == [
        "follow_up 2026-01-01-21:00...2026-01-01-23:00",
        "performance 2026-01-01...2026-01-01",
    ]
    for kind in (TRAINING, HOLDOUT):
        assert location.world.artifacts.keys(kind) == ["2026-01-01"]
        assert location.world.artifacts.find(kind, "2026-01-01").sha256 == frozen[kind]


def test_outcomes_and_reasons_alone_are_redone_where_only_predictions_are_new(reopen):
    location = reopen()
    location.materialize("predictions", "2026-01-01-07:00")
    horizon = location.world.settings.outcomes.horizon_hours
    due = hour_key(as_hour("2026-01-01T07:00") + horizon * HOUR)
    explained = "reasons_only 2026-01-01-07:00...2026-01-01-07:00"
    assert location.tick("catch_up_sensor") == [f"outcomes_only {due}...{due}", explained]
    assert location.tick("catch_up_sensor") == []


# --- failures ---------------------------------------------------------------------------------------------------


def test_a_failed_run_is_tried_again_after_ten_minutes(reopen, broken_market, later):
    location = reopen("2026-01-02T08:30", source=broken_market)
    assert location.tick("catch_up_sensor") == ["hourly 2026-01-02-00:00...2026-01-02-07:00 failed"]
    assert "failed" in location.ask("catch_up_sensor").skip_message
    later(minutes=9)
    assert location.tick("catch_up_sensor") == []
    later(minutes=11)
    reopened = reopen("2026-01-02T08:30")
    assert reopened.settle() == ["hourly 2026-01-02-00:00...2026-01-02-07:00"]


def test_hours_that_can_t_be_had_hold_up_neither_others_nor_days(reopen, broken_market, later):
    location = reopen("2026-01-02T10:30", source=broken_market)
    location.world.run_hours(jobs.HOURLY, hour_range(as_hour("2026-01-02"), as_hour("2026-01-02T05:00")))
    location.world.run_hours(jobs.HOURLY, hour_range(as_hour("2026-01-02T08:00"), as_hour("2026-01-02T09:00")))
    location.materialize("market_snapshot", "2026-01-02-09:00")  # repaired by a person
    location.thaw(TRAINING, HOLDOUT)
    gap = "hourly 2026-01-02-06:00...2026-01-02-07:00 failed"
    assert location.tick("catch_up_sensor") == [gap, "follow_up 2026-01-02-09:00...2026-01-02-09:00"]
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
