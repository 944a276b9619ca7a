import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster.hours import as_hour, hour_range
from mlreg_dagster.orchestration.partitions import days_back, hours_back, hours_in_tags, make_partitions

START = as_hour("2026-01-01")


@pytest.fixture
def partitions():
    return make_partitions(START)


def _read_by(mapping, downstream, upstream, key):
    """First key, last key and number of the upstream partitions that `key` reads."""
    subset = mapping.get_upstream_mapped_partitions_result_for_partitions(
        downstream.empty_subset().with_partition_keys([key]), downstream, upstream
    ).partitions_subset
    keys = sorted(subset.get_partition_keys())
    return (keys[0], keys[-1], len(keys)) if keys else None


def test_partitions_are_whole_hours_and_days_in_utc(partitions):
    assert partitions.hourly.get_first_partition_key() == "2026-01-01-00:00"
    assert partitions.daily.get_first_partition_key() == "2026-01-01"
    window = partitions.hourly.time_window_for_partition_key("2026-01-10-05:00")
    assert pd.Timestamp(window.start) == as_hour("2026-01-10T05:00")
    assert (window.end - window.start).total_seconds() == 3600


@pytest.mark.parametrize(
    ("first", "last", "key", "read"),
    [
        (168, 0, "2026-01-20-05:00", ("2026-01-13-05:00", "2026-01-20-05:00", 169)),
        (24, 24, "2026-01-20-05:00", ("2026-01-19-05:00", "2026-01-19-05:00", 1)),
        (168, 0, "2026-01-01-02:00", ("2026-01-01-00:00", "2026-01-01-02:00", 3)),
        (24, 24, "2026-01-01-02:00", None),
    ],
)
def test_an_hour_reads_hours_by_the_clock_and_none_before_the_start(partitions, first, last, key, read):
    assert _read_by(hours_back(first, last), partitions.hourly, partitions.hourly, key) == read


@pytest.mark.parametrize(
    ("hours", "key", "read"),
    [
        (168, "2026-01-20", ("2026-01-14-00:00", "2026-01-20-23:00", 168)),
        (72, "2026-01-20", ("2026-01-18-00:00", "2026-01-20-23:00", 72)),
        (25, "2026-01-20", ("2026-01-19-00:00", "2026-01-20-23:00", 48)),
        (168, "2026-01-02", ("2026-01-01-00:00", "2026-01-02-23:00", 48)),
    ],
)
def test_a_day_reads_the_hours_that_end_with_it(partitions, hours, key, read):
    assert _read_by(days_back(hours), partitions.daily, partitions.hourly, key) == read


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
    read = _read_by(days_back(24), partitions.daily, partitions.hourly, "2026-01-01")
    assert read == ("2026-01-01-05:00", "2026-01-01-23:00", 19)
    assert isinstance(partitions.daily, dg.DailyPartitionsDefinition)


def test_partitions_end_with_the_last_hour_where_there_is_one():
    last = as_hour("2026-01-03T11:00")
    partitions = make_partitions(as_hour("2026-01-01"), last)
    assert partitions.hourly.get_last_partition_key() == "2026-01-03-11:00"
    assert partitions.daily.get_partition_keys() == ["2026-01-01", "2026-01-02"]  # the third day is never complete
