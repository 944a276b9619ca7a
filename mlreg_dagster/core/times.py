"""Times in UTC as Python's own datetimes, and how they are written: what the registry and the configuration keep.

Many hours at once, as tables and windows need them, are in `core.hours`, which takes pandas; nothing here does, so that
a question to the registry is answered at once. No wall clock here: the current time is always a caller's argument.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from mlreg_dagster.core.errors import MlregError

HOUR_KEY_FORMAT = "%Y-%m-%d-%H:%M"  # Dagster's own format of hourly partition keys
DAY_KEY_FORMAT = "%Y-%m-%d"
_YEARS = range(1678, 2262)  # those that pandas keeps in nanoseconds


class NotAnHour(MlregError):
    """A time that is not a whole hour in UTC."""


def read_time(value: str | datetime) -> datetime:
    """Read a time, in UTC and microseconds; one without a zone is taken as UTC.

    Args:
        value: A time, or text: ISO 8601 or a Dagster partition key, hourly (`2017-12-20-00:00`) or daily
            (`2017-12-20`, its first hour).

    Raises:
        NotAnHour: It is no time, or in a year that can't be kept.

    >>> read_time("2017-12-20T01:30+01:00")
    datetime.datetime(2017, 12, 20, 0, 30, tzinfo=datetime.timezone.utc)
    """
    try:
        found = _parsed(value) if isinstance(value, str) else value
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:  # OverflowError: the year 1 in a zone in which it is still 0
        raise NotAnHour(f"{value!r} is not a time. Write it as 2017-12-20T00:00.") from error
    if found.year not in _YEARS:  # NaT, too
        raise NotAnHour(f"{value!r} lies outside of the years that can be kept. Write a time like 2017-12-20T00:00.")
    return plain(found)


def read_hour(value: str | datetime) -> datetime:
    """Read a whole hour; as `read_time`.

    Raises:
        NotAnHour: It is no time, or has minutes or seconds.
    """
    found = read_time(value)
    if found != _start_of_hour(found):
        raise NotAnHour(f"{value} is not a whole hour (UTC). Write one, without minutes and seconds: 2017-12-20T00:00.")
    return found


def plain(value: datetime) -> datetime:
    """The same moment as a datetime of Python alone, in UTC and microseconds; what is finer is cut off.

    Args:
        value: Aware; a Timestamp of pandas is one.
    """
    utc = value.astimezone(UTC)
    return datetime(
        utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=UTC
    )  # fmt: skip


def hours_between(first: datetime, last: datetime) -> Iterator[datetime]:
    """All hours from `first` to `last`, both included; none where `last` is before `first`."""
    while first <= last:
        yield first
        first += timedelta(hours=1)


def hour_key(hour: datetime) -> str:
    """The hourly partition key of `hour`."""
    return hour.strftime(HOUR_KEY_FORMAT)


def day_key(day: datetime) -> str:
    """The daily partition key of `day`."""
    return day.strftime(DAY_KEY_FORMAT)


def _parsed(text: str) -> datetime:
    is_key = len(text) == len("2017-12-20-00:00") and text[10] == "-"
    return datetime.strptime(text, HOUR_KEY_FORMAT) if is_key else datetime.fromisoformat(text)


def _start_of_hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)
