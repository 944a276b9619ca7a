"""The interface of market sources, and their errors."""

from abc import ABC, abstractmethod
from collections import Counter
from functools import cached_property
from typing import ClassVar

import pandas as pd

from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.core.hours import HOUR


class SourceError(MlregError):
    """A source could not give the snapshots it was asked for; it gave none."""


class HourNotAvailable(SourceError):
    """An hour about which this source can't be asked at this clock."""


class SourceUnavailable(SourceError, TransientError):
    """The source did not answer, or asked for a longer wait than is allowed."""


class RequestRefused(SourceError):
    """The source answered that it will not serve this request; asking again won't help."""


class NotThere(RequestRefused):
    """The source knows nothing under this address."""


class MalformedPayload(SourceError):
    """What the source sent is not what it promises; the message names payload, instrument and field."""


class MalformedArchive(SourceError):
    """An archive that can't be read as hourly bars; the message names file, column, instrument and time."""


class MarketSource(ABC):
    """Where the market comes from.

    The snapshot of hour `h` describes the market at the end of that hour, so it exists once the clock has
    reached `h` + 1 h. The same hour gives the same rows, whatever else is asked with it, before or after.
    """

    name: ClassVar[str]

    @cached_property
    def unknown(self) -> Counter[str]:
        """What `snapshots` last found impossible and left out, in words, and how often."""
        return Counter()

    @abstractmethod
    def span(self, now: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
        """First and last hour that the source can be asked about at the clock `now`; first > last if none."""

    @abstractmethod
    def _rows(self, hours: pd.DatetimeIndex, now: pd.Timestamp) -> pd.DataFrame:
        """The snapshots of hours that can all be asked about: sorted, without repetitions, at least one."""

    def can_ask(self, hour: pd.Timestamp, now: pd.Timestamp) -> bool:
        """Whether the source can be asked about `hour` at the clock `now`."""
        first, last = self.span(now)
        return bool(first <= hour <= last)

    def snapshots(self, hours: pd.DatetimeIndex, now: pd.Timestamp) -> pd.DataFrame:
        """The market at each of `hours`.

        Args:
            hours: Whole hours, UTC.
            now: The current time.

        Returns:
            Rows of `MARKET_SNAPSHOT`, sorted by its key; an hour in which nothing was observed has none.

        Raises:
            HourNotAvailable: One of the hours can't be asked about at this clock.
            SourceError: The source failed or sent something malformed; nothing is returned.
        """
        if hours.empty:
            raise ValueError("Ask for at least one hour.")
        hours, now = hours.unique().sort_values().as_unit("us"), now.as_unit("us")
        first, last = self.span(now)
        for hour in hours[(hours < first) | (hours > last)]:
            if not self.can_ask(hour, now):
                raise HourNotAvailable(self._refusal(hour, first, last, now))
        self.unknown.clear()
        return self._rows(hours, now)

    def _refusal(self, hour: pd.Timestamp, first: pd.Timestamp, last: pd.Timestamp, now: pd.Timestamp) -> str:
        if hour > last_ended_hour(now):
            return (
                f"{self.name}: the hour {_text(hour)} has not ended at {_text(now)}; "
                f"its snapshot exists from {_text(hour + HOUR)} on."
            )
        return (
            f"{self.name}: the hour {_text(hour)} can't be asked about at {_text(now)}; available are "
            f"{_text(first)} to {_text(last)}. Ask within them, or set another source in ingest.yaml."
        )


def last_ended_hour(now: pd.Timestamp) -> pd.Timestamp:
    """The newest hour whose snapshot exists at the clock `now`."""
    return now.floor("h") - HOUR


def _text(time: pd.Timestamp) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
