"""Whether a day's statistics lie outside of what quiet days show: z, innovations, and which days count as quiet.

The null of a statistic is its own spread over quiet days, as days after one another are correlated and rows of a day
all the more (decision 0030). Everything is computed from the first day on, so that late hours in any order give the
same.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

WEEK = 7

_LEAST_WEEKS = 6

LEAST_SPREAD = 0.002
"""A statistic of mean ranks varies by this at least: what is smaller matters to no model."""

_TAIL = 3.0
"""The largest innovation of quiet days, in standard deviations, up to which they count as normally distributed."""

_BOUND = 1e-3


@dataclass(frozen=True)
class Limits:
    """When a day stands out.

    Attributes:
        fast: |innovation| above it, on the day.
        slow: |z| above it, on two of three days, of features with a short memory.
        persistent: |z| above it on a day, of features with a short memory.
        week: |z| above it on average of WEEK days, of features with a short memory.
        window: How many quiet days make the null at most, the newest.
        least: Quiet days without which nothing is known.
        gap: The newest quiet days that are no part of the null, so that what grows slowly does not become usual.
        reach: How many days may lie between a day and the one before it, for closed markets.
    """

    fast: float = 4.5
    slow: float = 6.0
    persistent: float = 3.5
    week: float = 4.0
    window: int = 180
    least: int = 60
    gap: int = 14
    reach: int = 4


@dataclass(frozen=True)
class Standing:
    """How each day stands against the quiet days before it.

    Attributes:
        z: days x series: distance from their mean, in their standard deviations; NaN: not known.
        innovation: days x series: what a first-order autoregression did not expect, in standard deviations of its own,
            or in thirds of its largest on quiet days where that is more: some features have days of heavy tails.
        quiet_days: How many quiet days are behind each day's numbers.
        quiet: Whether each day counts as quiet for those after it.
        enough: Whether there were quiet days enough.
    """

    z: Numbers
    innovation: Numbers
    quiet_days: NDArray[np.int64]
    quiet: Flags
    enough: Flags


def log_odds(shares: Numbers) -> Numbers:
    """Mean ranks on a scale without ends, by a quarter of their log odds: about 1/2 it has the same unit.

    A mean rank is bounded, so that the farther off it is, the less it moves: with the volatility that days differ by
    anyway no |z| of it could exceed 4. Its log odds follow the logarithm of the volatility in a straight line, about.
    """
    inside = np.clip(shares, _BOUND, 1 - _BOUND)
    return np.asarray(np.log(inside / (1 - inside)) / 4)


def stand(
    statistics: Numbers,
    usable: Flags,
    learned: Flags,
    wanders: Flags,
    limits: Limits,
    matched: Mapping[int, Numbers] | None = None,
) -> Standing:
    """Hold each day against the quiet days before it.

    Args:
        statistics: days x series, consecutive days; NaN: not known.
        usable: Which days have hours and instruments enough to be judged, and to be part of a null.
        learned: Which days the reference's champion was trained on, or followed until it became the reference: they
            count as quiet, as its model knows them.
        wanders: Which series are levels without a usual value: their change from day to day is judged.
        limits: When a day stands out; such a day is not quiet.
        matched: Of days that lack hours, the statistics of all days up to them from those hours alone, so that the
            rhythm of a day is not taken for drift.
    """
    days, series = statistics.shape
    z, innovation = np.full((days, series), np.nan), np.full((days, series), np.nan)
    quiet, numbers = np.zeros(days, dtype=bool), np.zeros(days, dtype=np.int64)
    before = _days_before(usable, limits.reach)

    def judged(values: Numbers) -> Numbers:
        return np.where(wanders, _changes(values, before[: len(values)]), values)

    usual, others = judged(statistics), {day: judged(values) for day, values in (matched or {}).items()}
    for day in np.flatnonzero(usable).tolist():
        null = _null(np.flatnonzero(quiet[:day]), limits)
        numbers[day] = len(null)
        if len(null) >= limits.least:
            z[day], innovation[day] = _against(others.get(day, usual), null, quiet, before, day)
        quiet[day] = learned[day] or not stands_out(z[day], innovation[day], limits)
    return Standing(z, innovation, numbers, quiet, numbers >= limits.least)


def _changes(statistics: Numbers, before: NDArray[np.int64]) -> Numbers:
    """Each day's distance from the usable day before it."""
    return np.where((before >= 0)[:, None], statistics - statistics[before], np.nan)


def stands_out(z: Numbers, innovation: Numbers, limits: Limits) -> bool:
    """Whether a single day is not quiet."""
    return bool((np.abs(z) > limits.slow).any() or (np.abs(innovation) > limits.fast).any())


def _null(quiet: NDArray[np.int64], limits: Limits) -> NDArray[np.int64]:
    """Of quiet days those that make the null; while there are few, the gap waits."""
    gap = min(limits.gap, max(len(quiet) - limits.least, 0))
    return quiet[: len(quiet) - gap][-limits.window :]


def _days_before(usable: Flags, reach: int) -> NDArray[np.int64]:
    """The usable day before each day; -1: none within reach."""
    places = np.where(usable, np.arange(len(usable)), -1)
    newest = np.concatenate([[-1], np.maximum.accumulate(places)[:-1]]) if len(usable) else places
    return np.where(np.arange(len(usable)) - newest <= reach, newest, -1)


def _against(
    statistics: Numbers, null: NDArray[np.int64], quiet: Flags, before: NDArray[np.int64], day: int
) -> tuple[Numbers, Numbers]:
    """Z and innovation of a day against a null."""
    rhythm = _weekly(statistics[null], null)
    mean, spread = _moments(statistics[null] - rhythm[null % WEEK])

    def moved(days: NDArray[np.int64] | int) -> Numbers:
        return np.asarray(statistics[days] - rhythm[np.asarray(days) % WEEK] - mean)

    today = moved(day)
    z = today / spread
    if before[day] < 0:
        return z, np.full_like(z, np.nan)
    followed = null[(before[null] >= 0) & quiet[before[null]]]
    left, right = moved(before[followed]), moved(followed)
    both = ~np.isnan(left) & ~np.isnan(right)
    left, right = np.where(both, left, 0.0), np.where(both, right, 0.0)
    squares = np.square(left).sum(axis=0)
    slope = np.divide((left * right).sum(axis=0), squares, out=np.zeros_like(squares), where=squares > 0)
    slope = slope.clip(0.0, 1.0)
    error = np.sqrt(np.square(right - slope * left).sum(axis=0) / np.maximum(both.sum(axis=0) - 2, 1))
    error = np.maximum(error, np.abs(right - slope * left).max(axis=0, initial=0.0) / _TAIL)
    surprise = today - slope * moved(int(before[day]))
    return z, surprise / np.maximum(error, LEAST_SPREAD)


def _weekly(values: Numbers, days: NDArray[np.int64]) -> Numbers:
    """By weekday how far each series usually lies from the mean of its week; the less sure, the nearer to nothing.

    Distances are taken within complete weeks, so that what wanders over weeks is no part of them. They are shrunk by
    the share of their spread that chance explains (James and Stein, "Estimation with quadratic loss", 1961).

    Args:
        values: null days x series.
        days: The number of each of these days.

    Returns:
        7 x series, zeros with fewer than 6 complete weeks.
    """
    _, place, sizes = np.unique(days // WEEK, return_inverse=True, return_counts=True)
    complete = sizes[place] == WEEK
    number = int((sizes == WEEK).sum())
    if number < _LEAST_WEEKS:
        return np.zeros((WEEK, values.shape[1]))
    by_week = values[complete].reshape(number, WEEK, -1)  # days ascend, so that complete weeks are blocks of rows
    apart = by_week - by_week.mean(axis=1, keepdims=True)
    effect = apart.mean(axis=0)
    chance = apart.var(axis=0, ddof=1).mean(axis=0) / number
    size = np.square(effect).mean(axis=0)
    kept = np.divide(size - chance, size, out=np.zeros_like(size), where=size > chance)
    return np.asarray(np.nan_to_num(effect * kept))


def _moments(values: Numbers) -> tuple[Numbers, Numbers]:
    """Mean and standard deviation of each series over the days that are known; NaN with fewer than two thirds."""
    known = ~np.isnan(values)
    number = known.sum(axis=0)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(axis=0) / np.maximum(number, 1)
    squares = (np.square(filled - mean) * known).sum(axis=0)
    spread = np.maximum(np.sqrt(squares / np.maximum(number - 1, 1)), LEAST_SPREAD)
    return np.where(number >= 2 / 3 * len(values), mean, np.nan), spread
