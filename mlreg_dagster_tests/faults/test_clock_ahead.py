"""The clock of the machine was ahead once: nothing is taken for old, and what lies after now is found and set right."""

import shutil
import sys

import duckdb
import pandas as pd
import pytest

from mlreg_dagster import cli, jobs
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.operations.doctor.doctor import examine
from mlreg_dagster.operations.doctor.materializations import ClocksDisagree
from mlreg_dagster.operations.retention.jobs import all_tasks
from mlreg_dagster.operations.retention.tasks import retention_tasks
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.runner import RunFailed
from mlreg_dagster_tests.faults import wording
from mlreg_dagster_tests.lifecycle import END, NOON, NOW, Lifecycle
from mlreg_dagster_tests.operations.conftest import home_of
from mlreg_dagster_tests.operations.retention.homes import record_run

pytestmark = pytest.mark.slow

RIGHT = pd.Timestamp(NOW, tz="UTC")
AHEAD = as_hour("2026-08-01T20:00")
AHEAD_CLOCK = "2026-08-01T21:30:00"
KEPT_DAYS = {"raw_days": 2, "snapshot_days": 3, "feature_days": 1, "compact_free_share": 1.0,
             "run_log_days": None, "tick_days": None}  # fmt: skip


@pytest.fixture
def strayed(live):
    """A world in which one hourly run came while the clock was months ahead, and a payload was landed."""
    ahead = Lifecycle(live.home, instance=live.instance, clock=Clock(fixed=AHEAD_CLOCK))
    ahead.run_hours(jobs.HOURLY, hour_range(AHEAD, AHEAD))
    for hour in (END - 60 * HOUR, END - HOUR, AHEAD):
        home_of(live).landing.land("coingecko", "coins_markets", hour, b"[1]", hour)
    return live


def _settings(world):
    short = {"ingest": {"catch_up_hours": 1}, "datasets": {"history_hours": 24, "holdout_hours": 8,
             "min_training_hours": 1, "min_holdout_hours": 1}, "outcomes": {"horizon_hours": 2}}  # fmt: skip
    retention = world.settings.retention.model_copy(update=KEPT_DAYS)
    return world.settings.override(short).model_copy(update={"retention": retention})


def _found(world, now=RIGHT):
    return {finding.name: finding for finding in examine(home_of(world), world.settings, now)}


def _hours(world):
    return list(world.warehouse.partitions(MARKET_SNAPSHOT))


def test_neither_rows_nor_payloads_get_old_by_it(strayed, make_world, live_home):
    untouched = make_world(live_home, "untouched")
    for hour in (END - 60 * HOUR, END - HOUR):
        home_of(untouched).landing.land("coingecko", "coins_markets", hour, b"[1]", hour)
    expected = [(task.name, task.found) for task in retention_tasks(home_of(untouched), _settings(untouched), RIGHT)]
    assert len(expected) == 3
    assert [
        (task.name, task.found) for task in retention_tasks(home_of(strayed), _settings(strayed), RIGHT)
    ] == expected
    still_ahead = pd.Timestamp(AHEAD_CLOCK, tz="UTC")
    names = [task.name for task in retention_tasks(home_of(strayed), _settings(strayed), still_ahead)]
    assert names == [name for name, _ in expected]
    for task in retention_tasks(home_of(strayed), _settings(strayed), still_ahead):
        task.do()
    assert len([hour for hour in _hours(strayed) if hour < AHEAD]) >= 3 * 24


def test_nothing_is_deleted_where_hours_lie_after_now_until_they_are_set_aside(strayed):
    _the_doctor_finds_what_lies_after_now_and_nothing_else(_found(strayed))
    home, settings, before = home_of(strayed), _settings(strayed), _hours(strayed)
    with pytest.raises(
        ClocksDisagree,
        match=rf"{wording.HOURS_AFTER_NOW} at 2026-01-08 .* Nothing is deleted\. .*mlreg prune --future",
    ):
        list(all_tasks(home, settings, strayed.instance, RIGHT))
    assert _hours(strayed) == before
    for task in all_tasks(home, settings, strayed.instance, RIGHT, future=True):
        task.do()
    assert _hours(strayed) == before[:-1]
    (rows,) = home.folder.glob("ahead/*/market_snapshot.parquet")
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT count(*), max(hour) FROM '{rows}'").fetchall()[0][0] > 0
    (payload,) = home.folder.glob("ahead/*/raw/coingecko/coins_markets/2026-08-01/20/*.gz")
    assert home.landing.read(payload) == b"[1]"
    assert list(all_tasks(home, settings, strayed.instance, RIGHT, future=True)) == []
    record_run(strayed.instance, RIGHT)  # the first run by the right clock
    assert "rows of market_snapshot" in [task.name for task in all_tasks(home, settings, strayed.instance, RIGHT)]


def _the_doctor_finds_what_lies_after_now_and_nothing_else(found):
    misses = {name for name, finding in found.items() if finding.state == "miss"} - {"disk"}
    assert misses == {"hours after now", "payloads after now"}
    assert "market_snapshot: 1 hours, 2026-08-01 20:00" in found["hours after now"].seen
    assert found["hours after now"].advice == found["payloads after now"].advice == "mlreg prune --future"
    assert "0 hours are missing" in found["hours of snapshots"].seen
    assert found["outcomes due"].state == "ok"


def test_a_home_without_hours_has_nothing_to_disagree_about(make_world):
    world = make_world(None)
    assert list(all_tasks(home_of(world), _settings(world), world.instance, RIGHT)) == []


def test_a_clock_that_was_put_back_behind_the_log_deletes_nothing(live):
    home = home_of(live)
    live.run_hours(jobs.MARKET, hour_range(END - HOUR, END - HOUR))
    with pytest.raises(ClocksDisagree, match=wording.CLOCK_BEHIND):
        list(all_tasks(home, live.settings, live.instance, RIGHT))


@pytest.mark.parametrize("asset", ["market_snapshot", "market_features", "predictions", "prediction_outcomes"])
def test_an_hour_that_has_not_ended_is_made_of_nothing(live, asset):
    before = live.warehouse.read(PREDICTIONS)
    behind = Lifecycle(live.home, clock=Clock(fixed="2026-01-06T11:59:00"))
    result = behind.attempt(asset, hours=hour_range(NOON + 23 * HOUR, NOON + 23 * HOUR))
    assert not result.success
    (error,) = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    while error.cause is not None:
        error = error.cause
    assert f"the hour 2026-01-06 11:00 UTC {wording.NOT_ENDED} 2026-01-06 11:59 UTC" in error.message
    assert live.warehouse.read(PREDICTIONS).equals(before)


# --- moves of aliases ----------------------------------------------------------------------------------------


@pytest.fixture
def moved_ahead(live):
    """v1 was made champion again while the clock was ahead."""
    Lifecycle(live.home, instance=live.instance, clock=Clock(fixed=AHEAD_CLOCK)).promote("v1", reason="clock ahead")
    return live


def test_a_move_from_the_future_is_taken_back_and_stays_on_record(moved_ahead):
    world = moved_ahead
    with pytest.raises(RunFailed, match=rf"{wording.CLOCK} 2026-08-01 .*mlreg correct champion --reason"):
        world.promote("v2", reason="v1 must go", expected="v1")
    finding = _found(world)["records after now"]
    assert (finding.state, finding.advice) == ("miss", 'mlreg correct champion --reason "the clock was ahead"')
    correct = {"alias": CHAMPION, "reason": "the clock was ahead", "actor": "anna"}
    world.run(jobs.CORRECT, {"ops": {"take_back": {"config": correct}}})
    registry = world.registry
    assert [move.version for move in registry.history(CHAMPION)] == ["v1", "v2"]
    assert registry.holder(CHAMPION).version == "v2"
    assert [move.version for move in registry.recorded_moves(CHAMPION)] == ["v1", "v2", "v1"]
    (taken_back,) = registry.corrections()
    assert (taken_back.sequence, taken_back.actor, taken_back.reason) == (3, "anna", "the clock was ahead")
    assert registry.find_tampering() is None
    assert _found(world)["records after now"].state == "ok"
    world.promote("v1", reason="back again")
    assert registry.holder(CHAMPION).version == "v1"
    with pytest.raises(RunFailed, match="No move of champion was recorded after now"):
        world.run(jobs.CORRECT, {"ops": {"take_back": {"config": correct}}})


def test_where_people_are_named_no_other_takes_a_move_back(moved_ahead):
    named = {"promotion": {"people": {"anna": {}}}}
    world = Lifecycle(moved_ahead.home, named, moved_ahead.instance)
    config = {"ops": {"take_back": {"config": {"alias": CHAMPION, "reason": "clock ahead", "actor": "mallory"}}}}
    with pytest.raises(RunFailed, match="mallory may not decide"):
        world.run(jobs.CORRECT, config)
    assert world.registry.corrections() == []


@pytest.mark.usefixtures("dagster_home")
def test_every_command_answers_as_of_now(own_home, live_home, monkeypatch, capsys):
    shutil.copytree(live_home, own_home)
    later = (pd.Timestamp.now(tz="UTC") + pd.Timedelta(days=365)).floor("us")
    world = Lifecycle(own_home, clock=Clock(fixed=later.isoformat()))
    world.promote("v1", reason="clock ahead")
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(world.config_dir))
    monkeypatch.setattr(cli.console, "width", 240)

    def say(*arguments):
        monkeypatch.setattr(sys, "argv", ["mlreg", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
        return capsys.readouterr().out

    def check():
        status = say("status")
        row, *_ = [line for line in status.splitlines() if line.split()[:1] == ["v2"]]  # further tables follow
        assert row.split()[-1] == "champion"
        assert "v2" in say("champion")
        assert "clock ahead" not in status
        return say("history")

    assert "The move to v1, recorded" in check()
    assert "clock ahead" not in say("correct", "champion", "--reason", "it was a year ahead", "--actor", "anna")
    assert "was taken back by anna" in check()
