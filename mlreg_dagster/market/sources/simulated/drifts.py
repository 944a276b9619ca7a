"""The drifts planted into the simulated market: how strong each is in an hour, and which instruments it hits.

What a drift does to price and volume is in `source`. Hours are counted from the start of the market's first day.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlreg_dagster.config import PlantedDriftSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.sources.panel import FloatArray

_GOLDEN = (5**0.5 - 1) / 2  # multiples of it, without their whole part, fill the interval evenly


class Drift:
    """One planted change of the market.

    Args:
        settings: What it is.
        first_day: Of the market.
        universe: How many instruments there are; a share of them is hit, the same ones when the universe grows.
        offset: Between 0 and 1: which instruments the share begins with.
    """

    def __init__(self, settings: PlantedDriftSettings, first_day: pd.Timestamp, universe: int, offset: float) -> None:
        self.settings, self.kind = settings, settings.kind
        self._start = int((pd.Timestamp(settings.starts) - first_day) // HOUR)
        self._length, self._every = settings.length_hours, settings.every_hours
        share = 1.0 if settings.share is None or self.kind == "correlation" else settings.share
        self.hit: npt.NDArray[np.bool_] = (np.arange(1, universe + 1) * _GOLDEN + offset) % 1.0 < share

    def strength(self, first: int, count: int = 24) -> FloatArray:
        """From 0, not there, to 1, fully there, in `count` hours from `first` on."""
        since = np.arange(first, first + count) - self._start
        begun = since >= 0
        if self.settings.shape == "gradual":
            return np.clip((since + 1.0) / float(self._length or 1), 0.0, 1.0)
        if self._every is not None:
            since = since % self._every
        return (begun & (since < (self._length or np.inf))).astype(np.float64)

    def factors(self, first: int, count: int = 24) -> FloatArray:
        """What the hit instruments are multiplied by, 1 for the others: (count, instruments)."""
        grown = np.power(self.settings.factor or 1.0, self.strength(first, count))
        return np.where(self.hit, grown[:, np.newaxis], 1.0)

    def is_on(self, first: int, count: int = 24) -> npt.NDArray[np.bool_]:
        """Where it is there: (count, instruments)."""
        there: npt.NDArray[np.bool_] = self.hit & (self.strength(first, count) > 0)[:, np.newaxis]
        return there

    def occurrences(self, first: int, last: int) -> Iterator[tuple[int, int | None]]:
        """First and last hour of each occurrence that touches the hours `first` to `last`; None: it stays."""
        start = self._start
        while start <= last:
            end = None if self._length is None or self.settings.shape == "gradual" else start + self._length - 1
            if end is None or end >= first:
                yield start, end
            if self._every is None:
                return
            start += self._every
