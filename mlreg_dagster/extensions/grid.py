"""The market as features see it: columns of the snapshots on a dense grid of clock hours and instruments.

A missing hour is a row of nulls instead of an older row in its place, so that a position on the grid is a clock time.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
"""Hours down, instruments across; NaN = not observed."""


class Grid:
    """Columns of `market_snapshot` for the hours that are computed and some hours before them.

    Args:
        columns: Name to values, hours x instruments; all of one shape, the last rows are those of `hours`.
        hours: The hours that are computed, consecutive.
    """

    def __init__(self, columns: Mapping[str, Array], hours: "pd.DatetimeIndex") -> None:
        self._columns = dict(columns)
        self._lock = RLock()
        self.hours = hours
        self.lookback = len(next(iter(self._columns.values()))) - len(hours)
        """How many hours before the first computed one the grid holds."""

    @cached_property
    def first_hour(self) -> int:
        """The clock hour of the first row, counted from 1970."""
        return int(self.hours[0].timestamp()) // 3600 - self.lookback

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the grid holds."""
        return tuple(self._columns)

    def series(self, name: str) -> Array:
        """A column with the hours before: (lookback + hours) x instruments."""
        return self._columns[name]

    def now(self, name: str) -> Array:
        """A column at the computed hours: hours x instruments."""
        return self._columns[name][self.lookback :]

    def lagged(self, name: str, hours: int) -> Array:
        """A column exactly so many clock hours before the computed ones; at most `lookback`."""
        if not 0 <= hours <= self.lookback:
            raise ValueError(f"The grid holds {self.lookback} hours of lookback, {hours} are asked for.")
        values = self._columns[name]
        return values[self.lookback - hours : len(values) - hours]

    def window(self, name: str, hours: int) -> Array:
        """The last `hours` clock hours up to each computed one: hours x instruments x window, the oldest one first."""
        if not 1 <= hours <= self.lookback + 1:
            raise ValueError(f"The grid holds {self.lookback} hours of lookback, a window of {hours} is asked for.")
        values = self._columns[name][self.lookback + 1 - hours :]
        return np.lib.stride_tricks.sliding_window_view(values, hours, axis=0)

    def derived(self, name: str, compute: Callable[[], Array]) -> Array:
        """A column that several features need; computed by the first one that asks."""
        with self._lock:
            if name not in self._columns:
                self._columns[name] = compute()
            return self._columns[name]

    def limited_to(self, lookback: int) -> Self:
        """The same grid with fewer hours before, and read-only."""
        parts = {}
        for name, values in self._columns.items():
            parts[name] = values[self.lookback - lookback :].view()
            parts[name].flags.writeable = False
        return type(self)(parts, self.hours)
