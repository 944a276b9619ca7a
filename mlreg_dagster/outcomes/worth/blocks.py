"""Blocks of time, and intervals from resampling them whole.

Instruments fall together and the horizons of neighbouring hours overlap, so neither rows nor instruments are
independent. Weeks are, about: a resample draws whole weeks with all their instruments. No pandas here.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
"""Blocks down, kinds of rows across."""

Measure = Callable[[Counts], tuple[NDArray[np.float64], Counts]]
"""Of totals (one row a resample) the measure, and its slope in each of them; NaN where it is undefined."""

Unit = Literal["weeks", "days"]

WEEK = 7
MIN_WEEKS = 6
"""Complete weeks from which on the blocks are weeks; with fewer they are days."""

MIN_DAYS = 6
"""Days without which there is no interval."""

_MONDAY = 3  # 1970-01-01 was a Thursday: three days after a Monday
_SEED = 1927


def week_of(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of the week of each day, counted from that of 1970-01-01; weeks begin on Monday, 00:00 UTC.

    Args:
        days: Days since 1970-01-01.
    """
    return (days + _MONDAY) // WEEK


def first_day_of(weeks: NDArray[np.int64]) -> NDArray[np.int64]:
    """The Monday of each week, in days since 1970-01-01."""
    return weeks * WEEK - _MONDAY


def summed(counts: Counts, labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], Counts]:
    """Add the rows of each label up.

    Args:
        counts: One row a day, or a part of one.
        labels: The block of each row.

    Returns:
        The labels in their order, and the sums of each.
    """
    found, position = np.unique(labels, return_inverse=True)
    return found, np.stack([np.bincount(position, each, minlength=len(found)) for each in counts.T], axis=1)


def blocks_of(counts: Counts, days: NDArray[np.int64]) -> tuple[Counts, Unit]:
    """Counts of days as counts of weeks, or of days where there are fewer than MIN_WEEKS weeks."""
    weeks, by_week = summed(counts, week_of(days))
    if len(weeks) >= MIN_WEEKS:
        return by_week, "weeks"
    return summed(counts, days)[1], "days"


def interval(counts: Counts, measure: Measure, confidence: float, resamples: int) -> tuple[float, float]:
    """Confidence interval of a measure of totals, from resampled blocks.

    The symmetric bootstrap-t (Hall, "On symmetric bootstrap confidence intervals", JRSS B 50, 1988; Davison and
    Hinkley, "Bootstrap Methods and their Application", 1997, section 5.2): each resample is measured in its own
    standard error, by the slope of the measure. With 6 to 30 blocks and clustered crashes percentile and BCa intervals
    cover much less than they say (decision 0023).

    Args:
        counts: One row a block.
        measure: What is measured of the totals; it doesn't change when all of them are multiplied.
        confidence: Of the interval.
        resamples: How many are drawn; seeded, so that the same counts give the same interval.

    Returns:
        Low and high end; NaN for fewer than MIN_DAYS blocks, where more resamples are undefined than the interval
        leaves out anyway, and where all blocks are alike, which shows no spread.
    """
    blocks = len(counts)
    if blocks < MIN_DAYS:
        return np.nan, np.nan
    order = np.lexsort(counts.T[::-1])  # the same counts in another order are the same evidence
    counts = counts[order]
    draws = _draws(blocks, resamples)
    products = (counts[:, :, None] * counts[:, None, :]).reshape(blocks, -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        value, slope = measure(draws @ counts)
        squares = (draws @ products).reshape(len(draws), counts.shape[1], -1)
        error = np.sqrt(np.maximum(np.einsum("ri,rij,rj->r", slope, squares, slope), 0) * blocks / (blocks - 1))
        distance = np.abs(value[1:] - value[0]) / error[1:]
    if not np.isfinite(value[0]) or not error[0] > 0 or np.isfinite(value[1:]).mean() < confidence:
        return np.nan, np.nan
    distance = np.where(np.isfinite(distance), distance, np.inf)  # blocks that are all alike: no standard error
    reach = np.quantile(distance, confidence, method="higher") * error[0]
    return (float(value[0] - reach), float(value[0] + reach)) if np.isfinite(reach) else (np.nan, np.nan)


@lru_cache(maxsize=8)
def _draws(blocks: int, resamples: int) -> NDArray[np.float64]:
    """How often each block is drawn: once in the first row, at random in the others; the same at each call."""
    drawn = np.random.default_rng(_SEED).multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples)
    return np.vstack([np.ones(blocks), drawn])


def standard_error(counts: Counts, measure: Measure) -> float:
    """Standard error of a measure by the spread of the blocks; NaN where it is undefined."""
    blocks = len(counts)
    if blocks < 2:
        return np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        _, slope = measure(counts.sum(axis=0, keepdims=True))
        return float(np.sqrt(np.square(counts @ slope[0]).sum() * blocks / (blocks - 1)))


def ratio(totals: Counts) -> tuple[NDArray[np.float64], Counts]:
    """Measure: the first total out of the second."""
    part, whole = totals.T
    return part / whole, np.stack([1 / whole, -part / whole**2], axis=1)


def difference_of_ratios(totals: Counts) -> tuple[NDArray[np.float64], Counts]:
    """Measure: the first total out of the second, minus the third out of the fourth."""
    left, left_slope = ratio(totals[:, :2])
    right, right_slope = ratio(totals[:, 2:])
    return left - right, np.hstack([left_slope, -right_slope])
