"""Weeks as ISO 8601 counts them: they begin on Monday, 00:00 UTC."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import pandas as pd

from mlreg_dagster.core.errors import MlregError

_NAME = re.compile(r"(\d{4})-W(\d{2})")
_LENGTH = pd.Timedelta(days=7)


class NotAWeek(MlregError):
    """A text that names no week."""


class Span(Protocol):
    """Days in a row, whether they are a week or not."""

    @property
    def days(self) -> pd.DatetimeIndex:
        """The midnights that begin them."""


@dataclass(frozen=True)
class Days:
    """Any days in a row.

    Attributes:
        days: The midnights that begin them.
    """

    days: pd.DatetimeIndex


@dataclass(frozen=True)
class Week:
    """One week.

    Attributes:
        first: Its Monday, 00:00 UTC.
    """

    first: pd.Timestamp

    @property
    def end(self) -> pd.Timestamp:
        """The Monday after it, 00:00 UTC."""
        return self.first + _LENGTH

    @property
    def name(self) -> str:
        """As ISO 8601 writes it: 2026-W03."""
        year, week, _ = self.first.isocalendar()
        return f"{year}-W{week:02}"

    @property
    def days(self) -> pd.DatetimeIndex:
        """The midnights that begin its days."""
        return pd.date_range(self.first, periods=7, freq="D", unit="us")


def week_of(time: pd.Timestamp) -> Week:
    """The week that a time, in UTC, lies in."""
    day = time.floor("D")
    return Week(day - pd.Timedelta(days=day.day_of_week))


def last_whole_week(now: pd.Timestamp) -> Week:
    """The week before the one that a time, in UTC, lies in."""
    return week_of(now - _LENGTH)


def as_week(text: str) -> Week:
    """Read the name of a week.

    Args:
        text: As ISO 8601 writes it: 2026-W03.

    Raises:
        NotAWeek: It is no such name, or the year has no such week.
    """
    found = _NAME.fullmatch(text)
    try:
        monday = date.fromisocalendar(int(found[1]), int(found[2]), 1) if found else None
    except ValueError:
        monday = None
    if monday is None:
        raise NotAWeek(f"{text!r} is no week. Write a year and a week of ISO 8601: 2026-W03.")
    return Week(pd.Timestamp(monday, tz="UTC").as_unit("us"))
