from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.core.hours import (
    HOUR,
    NotAnHour,
    as_hour,
    as_time,
    chunked,
    day_key,
    hour_key,
    hour_range,
)

NOON = pd.Timestamp("2017-12-20 12:00", tz="UTC")
HOURS = st.integers(0, 2_000_000).map(lambda n: pd.Timestamp(n * 3600, unit="s", tz="UTC"))


@pytest.mark.parametrize(
    "written",
    [
        "2017-12-20-12:00",
        "2017-12-20T12:00",
        "2017-12-20 12:00:00Z",
        "2017-12-20T13:00+01:00",
        datetime(2017, 12, 20, 12),
        datetime(2017, 12, 20, 12, tzinfo=UTC),
        datetime(2017, 12, 20, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        pd.Timestamp("2017-12-20 12:00").as_unit("ns"),
    ],
)
def test_every_way_to_write_an_hour_means_the_same_one_in_utc(written):
    hour = as_hour(written)
    assert hour == NOON
    assert str(hour.tz) == "UTC"
    assert hour.unit == "us"


def test_a_day_is_its_first_hour():
    assert as_hour("2017-12-20") == NOON - 12 * HOUR


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "noon",
        "now",
        "12:00",
        "2017-13-20",
        "2017-12-20-12:30",
        "2017-12-20T12:00:01",
        "NaT",
        NOON + pd.Timedelta(1),
    ],
)
def test_what_is_no_whole_hour_is_refused(wrong):
    with pytest.raises(NotAnHour, match=r"is not a (time|whole hour)"):
        as_hour(wrong)


def test_a_time_need_not_be_a_whole_hour():
    assert as_time("2017-12-20T13:30:15.25+01:00") == NOON + pd.Timedelta(minutes=30, seconds=15.25)


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "0001-01-01", "9999-12-31T23:59:59-12:00"])
def test_years_that_can_not_be_kept_are_refused(text):
    with pytest.raises(NotAnHour, match=r"is not a time|outside of the years"):
        as_time(text)


def test_the_refusal_says_how_to_write_one():
    with pytest.raises(NotAnHour) as caught:
        as_hour("2017-12-20T12:30")
    assert "Write one, without minutes and seconds: 2017-12-20T00:00." in str(caught.value)
    assert "alias" not in str(caught.value)  # whose moves may come at any time


@given(HOURS)
def test_a_partition_key_reads_back_as_its_hour(hour):
    assert as_hour(hour_key(hour)) == hour
    assert as_hour(day_key(hour)) == hour.floor("D")


@given(HOURS, st.integers(-3, 200), st.integers(1, 50))
def test_ranges_hold_every_hour_once_and_chunks_cut_them_without_loss(first, length, size):
    hours = hour_range(first, first + (length - 1) * HOUR)
    assert list(hours) == [first + n * HOUR for n in range(length)]
    assert str(hours.dtype) == "datetime64[us, UTC]"
    chunks = list(chunked(hours, size))
    assert [hour for chunk in chunks for hour in chunk] == list(hours)
    lengths = {len(chunk) for chunk in chunks}
    assert all(0 < length <= size for length in lengths)
    assert not lengths or max(lengths) - min(lengths) <= 1
