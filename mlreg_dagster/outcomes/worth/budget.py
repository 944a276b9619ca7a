"""As many flags for both: how two that flag different shares are held to the same budget, without a look ahead.

Recorded flags are what people acted on, but a version that flags a tenth of what its opponent flags has the higher
precision for that alone, and one that flags ten times as much the higher recall. So of the last WINDOW_HOURS, up to and
including the hour, both keep as many flags as the one with fewer has: its own are kept as recorded, of the other's those
with the highest scores. Nothing after the hour is read, and which of the two is called the version doesn't matter.
"""

import numpy as np
from numpy.typing import NDArray

WINDOW_HOURS = 168


def held_to_budget(
    hours: NDArray[np.int64],
    flags: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    scores: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much of each flag counts: 1, 0, or a part where scores tie at the end of the budget.

    Args:
        hours: Whole hours of the pairs, ascending.
        flags: Recorded flags of the version and of its opponent.
        scores: Their scores.

    Returns:
        A weight a row, for each of the two; 0 where it is not flagged.
    """
    first, second = _Flagged(hours, flags[0], scores[0]), _Flagged(hours, flags[1], scores[1])
    for hour in np.unique(hours[flags[0] | flags[1]]):
        budget = min(first.number(hour), second.number(hour))
        first.keep(hour, budget)
        second.keep(hour, budget)
    return first.weights, second.weights


class _Flagged:
    """The flagged rows of one of the two, by hour."""

    def __init__(self, hours: NDArray[np.int64], flags: NDArray[np.bool_], scores: NDArray[np.float64]) -> None:
        self.rows = np.flatnonzero(flags)
        self.hours, self.scores = hours[self.rows], scores[self.rows]
        self.weights = flags.astype(np.float64)

    def _window(self, hour: int) -> tuple[int, int, int]:
        """Where the window begins, where the hour begins, and where it ends."""
        begin, start = np.searchsorted(self.hours, [hour - WINDOW_HOURS + 1, hour])
        return int(begin), int(start), int(np.searchsorted(self.hours, hour, side="right"))

    def number(self, hour: int) -> int:
        begin, _, end = self._window(hour)
        return end - begin

    def keep(self, hour: int, budget: int) -> None:
        """Weigh the flags of the hour, so that of its window `budget` flags with the highest scores would count."""
        begin, start, end = self._window(hour)
        if end - begin <= budget or start == end:
            return
        window, now = np.sort(self.scores[begin:end]), self.scores[start:end]
        not_above = np.searchsorted(window, now, side="right")
        tied = not_above - np.searchsorted(window, now, side="left")
        self.weights[self.rows[start:end]] = np.clip((budget - (len(window) - not_above)) / tied, 0, 1)
