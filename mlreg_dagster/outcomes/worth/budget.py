"""As many flags for both: how two that flag different shares are held to the same budget, without a look ahead.

Recorded flags are what people acted on, but a version that flags a tenth of what its opponent flags has the higher
precision for that alone, and one that flags ten times as much the higher recall. So a flag counts if it is among the
highest scores of the last WINDOW_HOURS, as many as the one with fewer flags has recorded in them, and as long as no
more than that count already. Nothing after the hour is read, and it doesn't matter which of the two is the version.
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
    moments = np.unique(hours[flags[0] | flags[1]])
    first, second = (_Flagged(hours, *each, moments) for each in zip(flags, scores, strict=True))
    for moment, budget in enumerate(np.minimum(first.numbers, second.numbers).tolist()):
        first.keep(moment, budget)
        second.keep(moment, budget)
    return first.weights, second.weights


class _Flagged:
    """The flagged rows of one of the two, by hour.

    Attributes:
        weights: How much of each row's flag counts.
        numbers: At each moment, how many flags are recorded in the window that ends with it.
    """

    def __init__(
        self,
        hours: NDArray[np.int64],
        flags: NDArray[np.bool_],
        scores: NDArray[np.float64],
        moments: NDArray[np.int64],
    ) -> None:
        self.weights = flags.astype(np.float64)
        self._rows = np.flatnonzero(flags)
        self._scores = scores[self._rows]
        flagged = hours[self._rows]
        self._begins = np.searchsorted(flagged, moments - WINDOW_HOURS + 1)
        self._starts = np.searchsorted(flagged, moments)
        self._ends = np.searchsorted(flagged, moments, side="right")
        self.numbers = self._ends - self._begins
        self._kept = np.zeros(len(self._rows) + 1)  # how much counts of all before each flagged row

    def keep(self, moment: int, budget: int) -> None:
        """Weigh the flags of the moment, so that those of its window count for `budget` at most."""
        begin, start, end = (int(each[moment]) for each in (self._begins, self._starts, self._ends))
        if start == end:
            return
        now = self._scores[start:end]
        kept = np.ones(end - start)
        if end - begin > budget:
            kept = _within(budget, now, self._scores[begin:end])
        left = budget - (self._kept[start] - self._kept[begin])
        if kept.sum() > left:
            kept = _within(max(left, 0.0), now, now)
        self.weights[self._rows[start:end]] = kept
        self._kept[start + 1 : end + 1] = self._kept[start] + kept.cumsum()


def _within(budget: float, scores: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of each score lies within the `budget` highest ones; equal scores share what is left."""
    ordered = np.sort(among)
    not_above = np.searchsorted(ordered, scores, side="right")
    tied = not_above - np.searchsorted(ordered, scores, side="left")
    return np.clip((budget - (len(among) - not_above)) / tied, 0, 1)
