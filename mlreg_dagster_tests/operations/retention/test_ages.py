"""What is old follows from what happened since; neither a clock that is ahead nor one that was makes anything old."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.operations.retention.ages import old_before

DAY, HOUR = pd.Timedelta(days=1), pd.Timedelta(hours=1)
NOW = pd.Timestamp("2026-06-01", tz="UTC")
PAUSE = 4 * DAY
STEADY = list(pd.date_range(NOW - 90 * DAY, NOW - HOUR, freq="h"))


def _old(times, now=NOW, days=60):
    before = old_before(times, now, days, PAUSE)
    return [] if before is None else [time for time in times if time < before]


def test_hours_without_a_gap_age_by_the_clock():
    assert _old(STEADY) == [time for time in STEADY if time < STEADY[-1] - 60 * DAY]


def test_a_recorded_market_of_years_ago_is_not_old_as_a_whole():
    assert _old(STEADY, now=NOW + 3000 * DAY) == _old(STEADY)


@pytest.mark.parametrize("ahead", [5 * DAY, 30 * DAY, 365 * DAY])
def test_an_hour_of_a_clock_that_was_ahead_makes_nothing_old(ahead):
    assert _old([*STEADY, NOW + ahead]) == _old(STEADY)


@pytest.mark.parametrize("ahead", [5 * DAY, 30 * DAY, 365 * DAY])
@pytest.mark.parametrize("days", [1, 2, 8, 60])
def test_nor_does_a_clock_that_still_is(ahead, days):
    strays = [NOW + ahead + number * HOUR for number in range(3)]
    assert len(_old([*STEADY, *strays], NOW + ahead + 3 * HOUR, days)) <= len(_old(STEADY, days=days)) + 3


def test_the_time_in_which_a_market_is_closed_counts():
    weekdays = [time for time in STEADY if time.day_of_week < 5]
    assert _old(weekdays) == [time for time in weekdays if time < weekdays[-1] - 60 * DAY]


def test_where_nothing_happened_up_to_now_nothing_is_old():
    assert old_before([], NOW, 60, PAUSE) is None
    assert old_before([NOW + DAY], NOW, 60, PAUSE) is None


@given(st.lists(st.integers(-5000, 5000), max_size=30), st.integers(1, 90))
def test_what_is_kept_is_never_younger_than_the_clock_says(hours, days):
    times = [NOW + hour * HOUR for hour in hours]
    before = old_before(times, NOW, days, PAUSE)
    assert before is None or before <= NOW - days * DAY
    assert before == old_before([time for time in times if time <= NOW], NOW, days, PAUSE)
