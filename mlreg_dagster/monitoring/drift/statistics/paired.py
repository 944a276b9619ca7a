"""Whether the first of two models has become worse than the second, on the same rows: days are the blocks.

Counts in, numbers and a verdict out; who the two are is asked in `families.concept`.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config.sections.drift import DetectionSettings
from mlreg_dagster.outcomes.worth.blocks import Counts, difference_of_ratios, interval, standard_error

Verdict = Literal["unknown", "same", "worse"]

MIN_EPISODES = 30
"""Crash episodes without which nothing is known."""

POWER = 0.8
"""Of the drops of the size that is said to be found, how many are."""

_RESAMPLES = 1000


@dataclass(frozen=True)
class Compared:
    """Recall of the first against that of the second.

    Attributes:
        recall: Of the first; None where there are no crashes.
        opponent_recall: Of the second.
        difference: The first minus the second; where there are earlier days, minus the same of those.
        low: Lower end of its interval; NaN where it can't be told.
        high: Upper end.
        detectable: The difference that as many days like these show in 80 of 100 cases; NaN: not even the largest one.
        verdict: On the first.
    """

    recall: float | None
    opponent_recall: float | None
    difference: float | None
    low: float
    high: float
    detectable: float
    verdict: Verdict


def compared(counts: Counts, earlier: Counts | None, episodes: int, settings: DetectionSettings) -> Compared:
    """Compare two models over some days.

    Args:
        counts: One row a day: hits of the first, crashes, hits of the second, crashes.
        earlier: The same of days before; None: the two should be equally good, whatever was before.
        episodes: Crash episodes of the days.
        settings: Drop and confidence.
    """
    own, other = _recall(counts, 0), _recall(counts, 2)
    difference = _difference(counts)
    measure = difference_of_ratios
    if earlier is not None:
        usual = _difference(earlier)
        difference = None if difference is None or usual is None else difference - usual
        counts, measure = _beside(counts, earlier), change_of_differences
    if difference is None:
        return Compared(own, other, None, np.nan, np.nan, np.nan, "unknown")
    low, high = interval(counts, measure, settings.concept_confidence, _RESAMPLES)
    error = standard_error(counts, measure)
    chance = (high - low) / 2 + NormalDist().inv_cdf(POWER) * error
    detectable = max(settings.concept_drop, chance) if chance <= 1 else np.nan
    is_worse = high < 0 and difference <= -settings.concept_drop
    verdict: Verdict = "worse" if is_worse else "same" if np.isfinite(detectable) else "unknown"
    return Compared(own, other, difference, low, high, detectable, verdict if episodes >= MIN_EPISODES else "unknown")


def change_of_differences(totals: Counts) -> tuple[NDArray[np.float64], Counts]:
    """Measure: a difference of ratios, minus the same of other days."""
    now, slope = difference_of_ratios(totals[:, :4])
    before, other = difference_of_ratios(totals[:, 4:])
    return now - before, np.hstack([slope, -other])


def _beside(counts: Counts, earlier: Counts) -> Counts:
    """Days of now and days of before, in columns of their own."""
    zeros = np.zeros_like
    return np.vstack([np.hstack([counts, zeros(counts)]), np.hstack([zeros(earlier), earlier])])


def _recall(counts: Counts, column: int) -> float | None:
    crashes = counts[:, column + 1].sum()
    return float(counts[:, column].sum() / crashes) if crashes > 0 else None


def _difference(counts: Counts) -> float | None:
    own, other = _recall(counts, 0), _recall(counts, 2)
    return None if own is None or other is None else own - other
