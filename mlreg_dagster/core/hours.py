"""Whole hours in UTC, which every table, window and partition shares.

No wall clock here: the current time is always a caller's argument.
"""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.core.errors import MlregError

HOUR = pd.Timedelta(hours=1)
HOUR_KEY_FORMAT = "%Y-%m-%d-%H:%M"  # Dagster's own format of hourly partition keys
DAY_KEY_FORMAT = "%Y-%m-%d"


class NotAnHour(MlregError):
    """A time that is not a whole hour in UTC."""


def as_hour(value: str | datetime | pd.Timestamp) -> pd.Timestamp:
    """Read a whole hour; a time without a zone is taken as UTC.

    Args:
        value: As `as_time` takes it.

    Raises:
        NotAnHour: It is no time, or has minutes or seconds.
    """
    stamp = as_time(value)
    if stamp != stamp.floor("h"):
        raise NotAnHour(f"{value} is not a whole hour (UTC). Write one, without minutes and seconds: 2017-12-20T00:00.")
    return stamp.as_unit("us")


def as_time(value: str | datetime | pd.Timestamp) -> pd.Timestamp:
    """Read a time, in UTC; one without a zone is taken as UTC.

    Args:
        value: A timestamp, or text: ISO 8601 or a Dagster partition key, hourly (`2017-12-20-00:00`) or
            daily (`2017-12-20`, its first hour).

    Raises:
        NotAnHour: It is no time, or in a year that can't be kept.
    """
    try:
        if isinstance(value, str):  # pandas would fill up a text like 10:00 from the wall clock
            is_key = len(value) == len("2017-12-20-00:00") and value[10] == "-"
            value = datetime.strptime(value, HOUR_KEY_FORMAT) if is_key else datetime.fromisoformat(value)
        stamp = pd.Timestamp(value)
        stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    except (ValueError, OverflowError) as error:  # OverflowError: the year 1 in a zone in which it is still 0
        raise NotAnHour(f"{value!r} is not a time. Write it as 2017-12-20T00:00.") from error
    if not pd.Timestamp.min.year < stamp.year < pd.Timestamp.max.year:  # NaT, too
        raise NotAnHour(f"{value!r} lies outside of the years that can be kept. Write a time like 2017-12-20T00:00.")
    return stamp


def hour_key(hour: pd.Timestamp) -> str:
    """The hourly partition key of `hour`."""
    return hour.strftime(HOUR_KEY_FORMAT)


def day_key(day: pd.Timestamp) -> str:
    """The daily partition key of `day`."""
    return day.strftime(DAY_KEY_FORMAT)


def hour_range(first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """All hours from `first` to `last`, both included; empty where `last` is before `first`."""
    return pd.date_range(first, last, freq="h", unit="us")


def hours_since_epoch(hours: "pd.Series[pd.Timestamp] | pd.DatetimeIndex") -> NDArray[np.int64]:
    """Each whole hour as a number, counted from 1970."""
    stamps = pd.DatetimeIndex(hours)
    return stamps.asi8 // (HOUR // pd.Timedelta(1, stamps.unit))


def chunked(hours: pd.DatetimeIndex, size: int) -> Iterator[pd.DatetimeIndex]:
    """Cut `hours` into consecutive pieces of at most `size` and about equal length: long ranges in bounded memory."""
    pieces = -(-len(hours) // size)
    for piece in range(pieces):
        yield hours[piece * len(hours) // pieces : (piece + 1) * len(hours) // pieces]
