"""Hours, as the schedule and the sensors ask for them."""

import pandas as pd
import pytest

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


FEW = {"ingest": {"start": START.isoformat(), "universe": 12, "catch_up_hours": 2}}


def test_an_empty_home_begins_so_many_hours_back(tmp_path):
    location = Location(tmp_path / "new", "2026-01-03T00:30", FEW)
    assert location.tick("catch_up_sensor") == ["hourly 2026-01-02-22:00...2026-01-02-23:00"]
    assert "All 2 hours from 2026-01-02-22:00 to 2026-01-02-23:00 are up to date." in (
        location.ask("catch_up_sensor").skip_message
    )


def test_an_outage_that_was_longer_leaves_no_hole(reopen):
    """The hours after the newest one come in forward; what is recent does not wait for them."""
    location = reopen("2026-01-02T06:30", FEW)
    (request,) = location.at_schedule("2026-01-02T06:05").run_requests
    location.start(request, jobs.HOURLY)
    assert location.tick("catch_up_sensor") == [
        "hourly 2026-01-02-00:00...2026-01-02-01:00",
        "hourly 2026-01-02-04:00...2026-01-02-04:00",
    ]
    location.settle()
    hours = pd.DatetimeIndex(location.table(MARKET_SNAPSHOT)["hour"].unique())
    assert list(hours) == list(hour_range(START, as_hour("2026-01-02T05:00")))
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
