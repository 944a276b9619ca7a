"""The clock of the machine is put back: no hour of the future, nothing twice, nobody waits for ever."""

import shutil

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import as_hour, hour_key
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration.instance import runs
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster.runner import RunFailed
from mlreg_dagster_tests.faults import wording
from mlreg_dagster_tests.lifecycle import CONFIGS, LIVE, MARKET_HOURS, NOW, Lifecycle
from mlreg_dagster_tests.location import Location

DAY_BEFORE = "2026-01-07T00:30:00"


@pytest.fixture
def turn(monkeypatch):
    """Put the machine's clock forward or back, as the sensors see it."""

    def by(**how: int) -> None:
        monkeypatch.setattr(runs, "_now", lambda: pd.Timestamp.now(tz="UTC") + pd.Timedelta(**how))

    return by


@pytest.fixture
def hourly():
    """An instance, and what puts a run of the hourly job on it."""
    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.GraphDefinition(name=jobs.HOURLY).to_job()
        yield instance, lambda status: instance.create_run_for_job(job, status=status)


def test_a_failure_that_is_still_to_come_is_no_reason_to_wait_for_it(hourly, turn):
    instance, put = hourly
    instance.report_run_failed(put(dg.DagsterRunStatus.STARTED))
    assert runs.failed_just_now(instance, [jobs.HOURLY])
    turn(minutes=-5)
    assert runs.failed_just_now(instance, [jobs.HOURLY])
    turn(days=-1)
    assert not runs.failed_just_now(instance, [jobs.HOURLY])


def test_a_dead_run_is_not_taken_for_alive_until_its_time_comes_again(hourly, turn):
    instance, put = hourly
    put(dg.DagsterRunStatus.STARTED)
    assert runs.under_way(instance, [jobs.HOURLY])
    turn(days=-1)
    assert not runs.under_way(instance, [jobs.HOURLY])


def test_a_run_that_began_before_the_clock_was_put_back_and_gives_signs_of_life_is_not_dead(hourly, monkeypatch):
    instance, put = hourly
    run = put(dg.DagsterRunStatus.STARTED)
    instance.report_engine_event("still here", run)
    record = instance.get_run_records()[0]
    ahead = record._replace(create_timestamp=record.create_timestamp + pd.Timedelta(days=1))
    monkeypatch.setattr(instance, "get_run_records", lambda *_, **__: [ahead])
    assert runs.under_way(instance, [jobs.HOURLY])


def test_no_alias_moves_before_the_move_that_it_follows(trained):
    trained.promote("v1")
    for effective_at in (None, LIVE):
        earlier = Lifecycle(trained.home, clock=Clock(fixed=DAY_BEFORE))
        with pytest.raises(RunFailed, match=rf"can't move .*{wording.CLOCK} 2026-01-08 .*Set it right"):
            earlier.promote("v2", effective_at)
    later = Lifecycle(trained.home, clock=Clock(fixed=NOW))
    later.promote("v2")
    moves = later.registry.history(CHAMPION)
    assert [move.version for move in moves] == ["v1", "v2"]
    assert [move.recorded_at for move in moves] == sorted(move.recorded_at for move in moves)
    assert later.registry.holder(CHAMPION, as_hour("2026-01-07")) is None


def test_a_promotion_that_must_wait_for_the_clock_is_not_used_up(trained_home, tmp_path):
    settings = {"promotion": {"automatic": "passed"}, "evaluation": CONFIGS["evaluation"]}  # as v1 and v2 were judged
    shutil.copytree(trained_home, tmp_path / "here" / "home")
    Location(tmp_path / "here", NOW, settings).world.promote("v1")
    behind = Location(tmp_path / "here", DAY_BEFORE, settings)
    assert behind.tick("promote_sensor") == []
    assert wording.CLOCK_IN_SENSOR in behind.ask("promote_sensor").skip_message
    right = Location(tmp_path / "here", NOW, settings)
    assert right.tick("promote_sensor") == ["promote None"]
    assert right.champions()[-1][0] == "v2"


def test_no_hour_that_has_not_ended_is_asked_for(trained_home, tmp_path):
    shutil.copytree(trained_home, tmp_path / "here" / "home")
    behind = Location(tmp_path / "here", "2026-01-03T00:30")
    answer = behind.at_schedule("2026-01-08T00:05")  # the schedule's tick is of the clock before it was put back
    assert not answer.run_requests
    asked = behind.ask("catch_up_sensor").run_requests
    assert asked
    assert max(each.tags["dagster/asset_partition_range_end"] for each in asked) == "2026-01-02-23:00"


def test_hours_that_were_done_stay_done(trained_home, tmp_path):
    shutil.copytree(trained_home, tmp_path / "here" / "home")
    before = Location(tmp_path / "here", NOW)
    before.world.run_hours(jobs.MARKET, MARKET_HOURS[-8:])
    made = before.instance.get_materialized_partitions(dg.AssetKey("market_snapshot"))
    behind = Location(tmp_path / "here", DAY_BEFORE)
    asked = behind.ask("catch_up_sensor").run_requests
    assert [each for each in asked if each.job_name == jobs.HOURLY and _hours_of(each) & made] == []


def _hours_of(request):
    first, last = (as_hour(request.tags[f"dagster/asset_partition_range_{end}"]) for end in ("start", "end"))
    return {hour_key(hour) for hour in pd.date_range(first, last, freq="h")}
