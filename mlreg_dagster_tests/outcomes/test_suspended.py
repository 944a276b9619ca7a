"""Hours in which the champion was suspended: no rows of it, said so, and not made up later."""

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, hour_key
from mlreg_dagster.outcomes.predicting.suspended import in_words, suspended_hours
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster_tests.lifecycle import LIVE_HOURS, NOON
from mlreg_dagster_tests.registry.builders import resume, suspend

MINUTE = pd.Timedelta(minutes=1)
HOURS = LIVE_HOURS[9:17]
"""Of the fifth day those around its noon."""
RECORDED = pd.Timestamp("2026-01-08", tz="UTC")


def stop(world, first, last=None):
    suspend(world.registry, time=RECORDED, effective_at=first)
    if last is not None:
        resume(world.registry, time=RECORDED, effective_at=last)


def hours_of(world, role="champion"):
    rows = world.warehouse.read(PREDICTIONS)
    return sorted(rows.loc[rows["role"] == role, "hour"].unique())


@pytest.fixture
def emptied(live):
    """The fifth day, its predictions gone: as if no run had scored it yet."""
    live.warehouse.write(PREDICTIONS, PREDICTIONS.empty(), LIVE_HOURS)
    return live


def test_hours_of_the_suspension_have_no_rows_and_say_so(emptied):
    stop(emptied, NOON + 30 * MINUTE, NOON + 3 * HOUR + 10 * MINUTE)
    result = emptied.attempt("predictions", hours=HOURS)
    silent = [NOON - HOUR + n * HOUR for n in range(1, 5)]  # 12 to 15 h: each hour that it touches
    assert hours_of(emptied) == [hour for hour in HOURS if hour not in silent and hour != NOON - HOUR]
    said = [text for text in emptied.warnings(result).splitlines() if text.startswith("Suspended")]
    assert said == [
        "Suspended: no holder of champion scores 2026-01-05 11:00 to 2026-01-05 15:00 (5 hours). champion is suspended "
        "since 2026-01-05 12:30:00 UTC, by carla: it flags all"
    ]
    by_hour = {event.partition: event.metadata for event in result.asset_materializations_for_node("predictions")}
    for hour in silent:
        assert by_hour[hour_key(hour)]["suspended"].text.startswith("suspended: champion is suspended since")
    assert "suspended" not in by_hour[hour_key(HOURS[0])]


def test_an_hour_that_was_scored_before_the_stop_keeps_its_rows(live):
    before = live.warehouse.read(PREDICTIONS)
    stop(live, NOON + 5 * MINUTE)
    live.attempt("predictions", hours=LIVE_HOURS[9:12])
    kept = live.warehouse.read(PREDICTIONS)
    pd.testing.assert_frame_equal(kept, before)
    live.attempt("predictions", hours=LIVE_HOURS[12:])
    assert hours_of(live) == list(LIVE_HOURS[:12])


def test_after_the_resumption_the_hours_are_not_made_up(emptied):
    stop(emptied, NOON)
    emptied.attempt("predictions", hours=HOURS)
    assert hours_of(emptied) == list(HOURS[:2])
    resume(emptied.registry, time=RECORDED)
    emptied.attempt("predictions", hours=HOURS)
    assert hours_of(emptied) == list(HOURS[:2])
    assert emptied.registry.holder("champion").version == "v2"


def test_a_challenger_scores_on(emptied):
    emptied.promote("v1", NOON, alias="challenger")
    stop(emptied, NOON)
    emptied.attempt("predictions", hours=HOURS)
    assert hours_of(emptied, "challenger") == list(HOURS[3:])


def test_the_stopped_version_scores_under_no_other_alias(emptied):
    emptied.promote("v2", NOON, alias="challenger")
    stop(emptied, NOON + HOUR)
    emptied.attempt("predictions", hours=HOURS)
    assert hours_of(emptied) == list(HOURS[:3])
    assert hours_of(emptied, "challenger") == []


def test_a_version_that_is_asked_for_by_name_scores_them(emptied):
    stop(emptied, NOON)
    emptied.attempt("predictions", hours=HOURS, config={"versions": ["v2"]})
    assert NOON in hours_of(emptied, "requested")


def test_the_check_is_not_green_while_the_champion_is_suspended(live):
    stop(live, NOON)
    result = live.attempt("predictions", hours=HOURS)
    (check,) = [
        each for each in result.get_asset_check_evaluations() if each.check_name == "flagged_share_within_limits"
    ]
    assert not check.passed
    assert check.severity.value == "WARN"
    assert check.description.startswith("Suspended, no hour is scored: champion is suspended since")


def test_without_a_suspension_nothing_is_looked_up(live):
    assert suspended_hours(live.registry, live.warehouse, LIVE_HOURS) == {}
    assert in_words({}) == []
