"""The partitions of the graph, and what a run says about the hours it is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil

import dagster as dg
import pandas as pd

from mlreg_dagster.errors import MlregError
from mlreg_dagster.hours import DAY_KEY_FORMAT, HOUR, HOUR_KEY_FORMAT, as_hour, hour_range


class HourNotEnded(MlregError):
    """An hour that has not ended yet by the clock."""


MODEL_VERSIONS = dg.DynamicPartitionsDefinition(name="model_version")

SINGLE_RUN = dg.BackfillPolicy.single_run()
"""Hours are cheap and runs are not: a range of hours is one run."""


@dataclass(frozen=True)
class Partitions:
    """The time partitions, from the first hour on that the configuration names."""

    hourly: dg.HourlyPartitionsDefinition
    daily: dg.DailyPartitionsDefinition


def make_partitions(first: pd.Timestamp, last: pd.Timestamp | None = None) -> Partitions:
    """Hourly and daily partitions, UTC, from the hour `first` to the hour `last`, or for ever."""
    end = None if last is None else last + HOUR
    return Partitions(
        hourly=dg.HourlyPartitionsDefinition(
            first.strftime(HOUR_KEY_FORMAT),
            end_date=None if end is None else end.strftime(HOUR_KEY_FORMAT),
            timezone="UTC",
            fmt=HOUR_KEY_FORMAT,
        ),
        daily=dg.DailyPartitionsDefinition(
            first.strftime(DAY_KEY_FORMAT),
            end_date=None if end is None else end.strftime(DAY_KEY_FORMAT),
            timezone="UTC",
            fmt=DAY_KEY_FORMAT,
        ),
    )


def hours_back(first: int, last: int = 0) -> dg.TimeWindowPartitionMapping:
    """Hourly on hourly: hour `h` reads the hours `h - first … h - last`; hours before the start are left out."""
    return dg.TimeWindowPartitionMapping(
        start_offset=-first, end_offset=-last, allow_nonexistent_upstream_partitions=True
    )


def days_back(hours: int) -> dg.TimeWindowPartitionMapping:
    """Daily on hourly: day `D` reads the `hours` that end with `D`."""
    return dg.TimeWindowPartitionMapping(
        start_offset=1 - ceil(hours / 24), end_offset=0, allow_nonexistent_upstream_partitions=True
    )


def hours_of(context: dg.AssetExecutionContext) -> pd.DatetimeIndex:
    """The hours that the run of an hourly asset is for, one or a range."""
    window = context.partition_key_range
    return hour_range(as_hour(window.start), as_hour(window.end))


def ended_hours_of(context: dg.AssetExecutionContext, now: pd.Timestamp) -> pd.DatetimeIndex:
    """The hours that the run of an hourly asset is for, all of which have ended.

    Raises:
        HourNotEnded: One of them has not; what is made of it would be of a clock that is wrong.
    """
    hours = hours_of(context)
    if hours[-1] + HOUR > now:
        first = hours[hours + HOUR > now][0]
        raise HourNotEnded(
            f"{context.asset_key.to_user_string()}: the hour {first:%Y-%m-%d %H:%M} UTC has not ended at "
            f"{now:%Y-%m-%d %H:%M} UTC. Nothing was stored. Set the clock right, or wait until it has."
        )
    return hours


def days_of(context: dg.AssetExecutionContext) -> pd.DatetimeIndex:
    """The midnights, UTC, of the days that the run of a daily asset is for, one or a range."""
    window = context.partition_key_range
    return pd.date_range(as_hour(window.start), as_hour(window.end), freq="D", unit="us")


def day_of(context: dg.AssetExecutionContext) -> pd.Timestamp:
    """The midnight, UTC, that begins the day of a run of a daily asset."""
    return as_hour(context.partition_key)


def range_tags(first: str, last: str) -> dict[str, str]:
    """The tags that make one run of a range of partition keys."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def hours_in_tags(tags: Mapping[str, str]) -> pd.DatetimeIndex | None:
    """The hours of an hourly run as its tags tell them; None for a run without partitions.

    An unpartitioned check has no partition of its own, but should look at what its run has just written.
    """
    if key := tags.get("dagster/partition"):
        return hour_range(as_hour(key), as_hour(key))
    if start := tags.get("dagster/asset_partition_range_start"):
        return hour_range(as_hour(start), as_hour(tags["dagster/asset_partition_range_end"]))
    return None


def is_of_one_hour(tags: Mapping[str, str]) -> bool:
    """Whether a run is for a single hour: not for a range, a day or a version."""
    try:
        datetime.strptime(tags.get("dagster/partition", ""), HOUR_KEY_FORMAT)
    except ValueError:
        return False
    return True


def partitions_in_tags(tags: Mapping[str, str]) -> str | None:
    """The partition of a run or the range of them, as its tags tell them; None for a run without partitions."""
    if start := tags.get("dagster/asset_partition_range_start"):
        return f"{start}...{tags['dagster/asset_partition_range_end']}"
    return tags.get("dagster/partition")
