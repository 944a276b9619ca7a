"""The partitions of the graph, and what a run says about the hours it is for.

Every dependency between them is on the partition of the same time, although features and outcomes look back further:
Dagster follows a look-back downstream, too, and would materialize a week of hours after each hour that is asked for.
See docs/decisions/0009.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import dagster as dg
import pandas as pd

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import DAY_KEY_FORMAT, HOUR, HOUR_KEY_FORMAT, as_hour, hour_range
from mlreg_dagster.registry.names import is_version


class HourNotEnded(MlregError):
    """An hour that has not ended yet by the clock."""


MODEL_VERSIONS = dg.DynamicPartitionsDefinition(name="model_version")
STUDIES = dg.DynamicPartitionsDefinition(name="study")


class NotAPartition(MlregError):
    """A run for hours or days that the configuration leaves out."""


class Hours(dg.HourlyPartitionsDefinition):
    """Hourly partitions in UTC whose keys are listed once, and quickly.

    Dagster lists all of them for each step that checks an hourly asset, and works every key out from a cron schedule:
    with a year of hours a quarter of the time of an hourly run.
    """

    def get_partition_keys(self, current_time: datetime | None = None, *arguments: Any, **named: Any) -> Sequence[str]:
        """The keys of all hours that have ended, in their order."""
        if current_time is not None:
            return super().get_partition_keys(current_time, *arguments, **named)
        first, last = self.get_first_partition_key(), self.get_last_partition_key()
        return [] if first is None or last is None else list(_keys(first, last))


@lru_cache(maxsize=16)
def _keys(first: str, last: str) -> tuple[str, ...]:
    return tuple(hour_range(as_hour(first), as_hour(last)).strftime(HOUR_KEY_FORMAT))


@dataclass(frozen=True)
class Partitions:
    """The time partitions, from the first hour on that the configuration names, and how many one run makes of them."""

    hourly: dg.HourlyPartitionsDefinition
    daily: dg.DailyPartitionsDefinition
    hours_by_run: dg.BackfillPolicy
    days_by_run: dg.BackfillPolicy


def make_partitions(
    first: pd.Timestamp,
    last: pd.Timestamp | None = None,
    *,
    hours_per_run: int | None = None,
    days_per_run: int | None = None,
) -> Partitions:
    """Hourly and daily partitions, UTC.

    Args:
        first: The first hour.
        last: The last hour; None: they go on for ever.
        hours_per_run: How many hours one run makes; None: hours are cheap and runs are not, so a range is one run.
        days_per_run: How many days one run makes; likewise.
    """
    end = None if last is None else last + HOUR
    return Partitions(
        hourly=Hours(
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
        hours_by_run=_at_most(hours_per_run),
        days_by_run=_at_most(days_per_run),
    )


def _at_most(partitions: int | None) -> dg.BackfillPolicy:
    return dg.BackfillPolicy.single_run() if partitions is None else dg.BackfillPolicy.multi_run(partitions)


class NoVersion(MlregError):
    """A run for a model version that names none."""


def version_of(context: dg.AssetExecutionContext) -> str:
    """The version that a run is for.

    Raises:
        NoVersion: It was launched without a partition, or with one that is no version's name.
    """
    if not context.has_partition_key:
        raise NoVersion("This run names no version. Choose a partition (v1, v2, …) in the launchpad, or add one there.")
    key = str(context.partition_key)
    if not is_version(key):
        raise NoVersion(f"The partition {key!r} is not the name of a version. Add the next free one: v1, v2, v3, …")
    return key


def hours_of(context: dg.AssetExecutionContext) -> pd.DatetimeIndex:
    """The hours that the run of an hourly asset is for, one or a range.

    Raises:
        NotAPartition: One of them is no partition of the asset.
    """
    return hour_range(*_window_of(context))


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
    """The midnights, UTC, of the days that the run of a daily asset is for, one or a range.

    Raises:
        NotAPartition: One of them is no partition of the asset.
    """
    return pd.date_range(*_window_of(context), freq="D", unit="us")


def day_of(context: dg.AssetExecutionContext) -> pd.Timestamp:
    """The midnight, UTC, that begins the day of a run of a daily asset.

    Raises:
        NotAPartition: It is no partition of the asset.
    """
    return _window_of(context)[0]


def _window_of(context: dg.AssetExecutionContext) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The first and the last partition of a run; Dagster itself looks at a range once its rows are written."""
    keys, partitions = context.partition_key_range, context.assets_def.partitions_def
    first, last = as_hour(keys.start), as_hour(keys.end)
    begins, end = as_hour(partitions.start), partitions.end
    if begins <= first <= last and (end is None or last < as_hour(end)):
        return first, last
    until = "on" if end is None else f"up to, but without, {as_hour(end):%Y-%m-%d %H:%M}"
    raise NotAPartition(
        f"{context.asset_key.to_user_string()} has no partitions {keys.start}...{keys.end}: it has them from "
        f"{begins:%Y-%m-%d %H:%M} {until} (start and end in ingest.yaml). Nothing was written. Ask for some of those."
    )


def runs_of(times: pd.DatetimeIndex, per_run: int | None) -> list[pd.DatetimeIndex]:
    """Consecutive hours or days as runs take them, the oldest first; `per_run` = None: one run takes all of them."""
    if per_run is None:
        return [times]
    return [times[start : start + per_run] for start in range(0, len(times), per_run)]


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
