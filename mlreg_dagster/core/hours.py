"""Whole hours in UTC, many at once, which every table, window and partition shares.

Single times without pandas are in `core.times`. No wall clock here: the current time is always a caller's argument.
"""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.core.times import DAY_KEY_FORMAT, HOUR_KEY_FORMAT, NotAnHour, day_key, hour_key, read_hour, read_time

__all__ = [
    "DAY_KEY_FORMAT",
    "HOUR",
    "HOUR_KEY_FORMAT",
    "NotAnHour",
    "as_hour",
    "as_time",
    "chunked",
    "day_key",
    "hour_key",
    "hour_range",
    "hours_since_epoch",
]

HOUR = pd.Timedelta(hours=1)


def as_hour(value: str | datetime | pd.Timestamp) -> pd.Timestamp:
    """Read a whole hour; a time without a zone is taken as UTC.

    Args:
        value: As `as_time` takes it.

    Raises:
        NotAnHour: It is no time, or has minutes or seconds.
    """
    stamp = as_time(value)
    if stamp.nanosecond:
        raise NotAnHour(f"{value} is not a whole hour (UTC). Write one, without minutes and seconds: 2017-12-20T00:00.")
    return pd.Timestamp(read_hour(value)).as_unit("us")


def as_time(value: str | datetime | pd.Timestamp) -> pd.Timestamp:
    """Read a time, in UTC; one without a zone is taken as UTC.

    Args:
        value: As `core.times.read_time` takes it.

    Raises:
        NotAnHour: It is no time, or in a year that can't be kept.
    """
    found = read_time(value)
    if not isinstance(value, pd.Timestamp):
        return pd.Timestamp(found)
    return value.tz_localize("UTC") if value.tzinfo is None else value.tz_convert("UTC")  # keeps nanoseconds


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
