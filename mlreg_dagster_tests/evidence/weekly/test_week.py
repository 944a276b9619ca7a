"""Names of weeks, there and back."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.evidence.weekly.week import NotAWeek, as_week, week_of


@given(st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2100-01-01")))
def test_each_time_lies_in_its_week_and_the_name_leads_back(time):
    time = pd.Timestamp(time, tz="UTC")
    week = week_of(time)
    assert week.first <= time < week.end
    assert week.first.day_of_week == 0
    assert as_week(week.name) == week


def test_the_first_days_of_a_year_may_belong_to_the_last_week_of_the_one_before():
    assert week_of(pd.Timestamp("2027-01-01T12:00", tz="UTC")).name == "2026-W53"


@pytest.mark.parametrize("text", ["", "2026-3", "2026-W3", "2026-W54", "2025-W53", "2026-W00", "0000-W01", "2026-W03 "])
def test_what_is_no_week_is_refused(text):
    with pytest.raises(NotAWeek, match="Write a year and a week"):
        as_week(text)
