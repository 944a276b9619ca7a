"""As many flags for both: how two that flag different shares are held to the same budget, without a look ahead.

Recorded flags are what people acted on, but a version that flags a tenth of what its opponent flags has the higher
precision for that alone, and one that flags ten times as much the higher recall. So a flag counts if it is among the
highest scores of its week so far, as many as the one with fewer flags has recorded in it, and as long as no more than
that count already. Nothing after the hour is read, and it doesn't matter which of the two is the version.

A new budget begins each Monday, 00:00 UTC. So a week needs no other one: its counts are the same wherever a range of
days begins, and weeks, the blocks of the intervals, share no flags.
"""

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.outcomes.worth.blocks import first_day_of, week_of


def first_hour_of_week(hours: NDArray[np.int64]) -> NDArray[np.int64]:
    """The hour from which on flags share a budget with those of each hour, in hours since 1970-01-01 UTC."""
    return first_day_of(week_of(hours // 24)) * 24


def held_to_budget(
    hours: NDArray[np.int64],
    flags: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    scores: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much of each flag counts: 1, 0, or a part where scores tie at the end of the budget.

    Args:
        hours: Hours of the pairs since 1970-01-01 UTC, ascending; of each week all up to the last one.
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
        numbers: At each moment, how many flags its week has recorded so far.
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
        self._begins = np.searchsorted(flagged, first_hour_of_week(moments))
        self._starts = np.searchsorted(flagged, moments)
        self._ends = np.searchsorted(flagged, moments, side="right")
        self.numbers = self._ends - self._begins
        self._counts = 0.0  # how much of the week's flags counts so far; a sum over weeks would round otherwise in each
        self._week = -1

    def keep(self, moment: int, budget: int) -> None:
        """Weigh the flags of the moment, so that those of its week count for `budget` at most."""
        begin, start, end = (int(each[moment]) for each in (self._begins, self._starts, self._ends))
        if start == end:
            return
        if begin != self._week:
            self._week, self._counts = begin, 0.0
        now = self._scores[start:end]
        kept = np.ones(end - start)
        if end - begin > budget:
            kept = _within(budget, now, self._scores[begin:end])
        left = budget - self._counts
        if kept.sum() > left:
            kept = _within(max(left, 0.0), now, now)
        self.weights[self._rows[start:end]] = kept
        self._counts += float(kept.sum())


def _within(budget: float, scores: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of each score lies within the `budget` highest ones; equal scores share what is left."""
    ordered = np.sort(among)
    not_above = np.searchsorted(ordered, scores, side="right")
    tied = not_above - np.searchsorted(ordered, scores, side="left")
    return np.clip((budget - (len(among) - not_above)) / tied, 0, 1)
