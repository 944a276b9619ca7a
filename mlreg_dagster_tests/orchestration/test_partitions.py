import time
from datetime import datetime

import dagster as dg
import pandas as pd
import pytest
from dagster._core.definitions.partitions import context as dg_context

from mlreg_dagster.core.hours import as_hour, hour_range
from mlreg_dagster.orchestration.partitions import hours_in_tags, make_partitions

START = as_hour("2026-01-01")


@pytest.fixture
def partitions():
    return make_partitions(START)


def test_partitions_are_whole_hours_and_days_in_utc(partitions):
    assert partitions.hourly.get_first_partition_key() == "2026-01-01-00:00"
    assert partitions.daily.get_first_partition_key() == "2026-01-01"
    window = partitions.hourly.time_window_for_partition_key("2026-01-10-05:00")
    assert pd.Timestamp(window.start) == as_hour("2026-01-10T05:00")
    assert (window.end - window.start).total_seconds() == 3600


@pytest.mark.parametrize("last", [None, as_hour("2026-01-03T11:00")])
@pytest.mark.parametrize("now", ["2026-01-01T00:30", "2026-01-01T01:00", "2026-01-02T23:59", "2026-03-30T05:01"])
def test_the_keys_of_hours_are_those_that_dagster_works_out(last, now):
    hourly = make_partitions(START, last).hourly
    dagsters = dg.HourlyPartitionsDefinition(hourly.start, hourly.end, timezone="UTC", fmt=hourly.fmt)
    with dg_context.partition_loading_context(datetime.fromisoformat(f"{now}+00:00")):
        assert hourly.get_partition_keys() == dagsters.get_partition_keys()
    at = datetime.fromisoformat("2026-01-01T07:30+00:00")
    assert hourly.get_partition_keys(at) == dagsters.get_partition_keys(at)


def test_keys_of_many_years_are_listed_once():
    hourly = make_partitions(as_hour("1990-01-01")).hourly
    hourly.get_partition_keys().clear()  # that of a caller
    began = time.process_time()
    assert len(hourly.get_partition_keys()) > 300_000
    assert time.process_time() - began < 1  # that Dagster takes for thirty thousand


def test_a_run_says_in_its_tags_which_hours_it_is_for():
    three = hour_range(as_hour("2026-01-02T03:00"), as_hour("2026-01-02T05:00"))
    range_tags = {
        "dagster/asset_partition_range_start": "2026-01-02-03:00",
        "dagster/asset_partition_range_end": "2026-01-02-05:00",
    }
    pd.testing.assert_index_equal(hours_in_tags(range_tags), three)
    pd.testing.assert_index_equal(hours_in_tags({"dagster/partition": "2026-01-02-03:00"}), three[:1])
    assert hours_in_tags({"owner": "anna"}) is None


def test_a_start_within_a_day_leaves_its_first_hours_out():
    partitions = make_partitions(as_hour("2026-01-01T05:00"))
    assert partitions.hourly.get_first_partition_key() == "2026-01-01-05:00"
    assert isinstance(partitions.daily, dg.DailyPartitionsDefinition)


def test_partitions_end_with_the_last_hour_where_there_is_one():
    last = as_hour("2026-01-03T11:00")
    partitions = make_partitions(as_hour("2026-01-01"), last)
    assert partitions.hourly.get_last_partition_key() == "2026-01-03-11:00"
    assert partitions.daily.get_partition_keys() == ["2026-01-01", "2026-01-02"]  # the third day is never complete
