"""Volatility that clusters: quiet and restless times that last, of the market and of each instrument.

The logarithm of the volatility is a sum of autoregressive processes of order one, two of the whole market and one of
each instrument, and a rhythm of the day and the week lies over it. A day goes on from the state in which the day
before ended, so an hour is the same whatever else is asked.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from mlreg_dagster.config import ClusteringSettings
from mlreg_dagster.market.sources.panel import FloatArray

_MARKET = 2  # processes of the whole market, the first of a state
_HOURS = np.arange(24)
_BUSIEST_HOUR = 14


class Volatility(NamedTuple):
    """What a day's price moves and volumes are multiplied by.

    Attributes:
        moves: (24, instruments), of mean square 1 in the long run but for the rhythm.
        volume: (24, instruments).
        state: The processes in the last hour, from which the next day goes on.
    """

    moves: FloatArray
    volume: FloatArray
    state: FloatArray


class Clustering:
    """Draws the volatility of one day after the other.

    Args:
        settings: Half-lives, deviations and rhythms.
        universe: How many instruments there are.
        first_day: Of the market.
        market: Random numbers of a day for the processes of the whole market.
        own: The same for those of the instruments.
    """

    def __init__(
        self,
        settings: ClusteringSettings,
        universe: int,
        first_day: pd.Timestamp,
        market: Callable[[int], np.random.Generator],
        own: Callable[[int], np.random.Generator],
    ) -> None:
        self._settings, self._first_weekday = settings, first_day.day_of_week
        self._universe, self._market, self._own = universe, market, own
        half_lives = [settings.fast_half_life_hours, settings.slow_half_life_hours, settings.own_half_life_hours]
        self._keep = self._of_all([0.5 ** (1.0 / hours) for hours in half_lives])
        self._sd = self._of_all([settings.fast_sd, settings.slow_sd, settings.own_sd])
        self._variance = settings.fast_sd**2 + settings.slow_sd**2 + settings.own_sd**2

    def opening(self) -> FloatArray:
        """The state before the first hour: the processes have run for ever."""
        if not self._settings.enabled:
            return np.zeros(0)
        state: FloatArray = self._sd * self._noise(-1)[0]
        return state

    def of_day(self, day: int, state: FloatArray) -> Volatility:
        """The volatility of a day that goes on from a state."""
        if not self._settings.enabled:
            return Volatility(np.ones((24, 1)), np.ones((24, 1)), state)
        shocks = self._sd * np.sqrt(1.0 - self._keep**2) * self._noise(day)
        path = np.empty_like(shocks)
        for hour in _HOURS:
            state = path[hour] = self._keep * state + shocks[hour]
        log = path[:, 0, np.newaxis] + path[:, 1, np.newaxis] + path[:, _MARKET:]
        week, rhythm = self._of_weekday(day), self._settings.daily_rhythm
        daily = 1.0 + rhythm * np.cos(2.0 * np.pi * (_HOURS - _BUSIEST_HOUR) / 24.0)[:, np.newaxis]
        return Volatility(
            moves=np.exp(log - self._variance) * daily * week,
            volume=np.exp(self._settings.volume_follows * log) * week,
            state=path[-1].copy(),
        )

    def _noise(self, day: int) -> FloatArray:
        """Standard normal, (24, processes); instruments one after the other."""
        number = day + 1  # the state before the opening takes the first numbers
        market = self._market(number).standard_normal((_MARKET, 24))
        return np.vstack([market, self._own(number).standard_normal((self._universe, 24))]).T

    def _of_weekday(self, day: int) -> float:
        is_weekend = (self._first_weekday + day) % 7 >= 5
        return 1.0 + self._settings.weekly_rhythm * (2.0 / 7.0 - is_weekend)

    def _of_all(self, values: list[float]) -> FloatArray:
        fast, slow, own = values
        return np.concatenate([[fast, slow], np.full(self._universe, own)])
