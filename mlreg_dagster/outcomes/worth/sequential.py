"""Evidence on a difference in precision that may be looked at every week: it stays valid however often one looks.

The unit is a complete week. If two that are paired are equally good, then what the week brings could as well have come
the other way round: which of the two it favours is a toss-up, however large it is. On that alone a martingale is built
that bets on the version, week by week; that it ever grows beyond 1/a has at most the probability a (Ville 1939).
"""

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.outcomes.worth.blocks import Counts

_STAKES = np.array([0.25, 0.5, 1.0])
"""Stakes of the bets, in the spread of the weeks so far; the evidence is their average."""

_STEPS = 40
_RESAMPLES = 200
_POWER = 0.8
_SEED = 1962


def evidence(weeks: Counts, above: float | NDArray[np.float64] = 0.0) -> NDArray[np.float64]:
    """Evidence (an e-value) that the version's precision exceeds its opponent's by more than `above`.

    Week b is summed up as d_b = hits - opponent_hits - p_b (held - opponent_held), where p_b is the precision of both
    together up to and including b: zero on average where the precisions are equal, whatever each has flagged. Of
    differences that are symmetric given the past and their own size, the product of 1 + tanh(s d_b) is a martingale;
    s is a stake over the root mean square of d up to and including b, which is known without the sign of d_b. Products
    of that form dominate the exponential supermartingale exp(s D - s² D²/2) of de la Peña, "A general class of
    exponential inequalities for martingales and ratios", Ann. Probab. 27, 1999: see Ramdas, Ruf, Larsson and Koolen,
    "Admissible anytime-valid sequential inference must rely on nonnegative martingales", arXiv 2009.03167, 2020, and
    Vovk and Wang, "Nonparametric e-tests of symmetry", 2024. Neither a normal distribution nor a known or constant
    variance is assumed.

    Args:
        weeks: hits, held, opponent_hits, opponent_held of each complete week in the order of time; more axes before
            these two are samples of their own.
        above: A difference in precision; negative: by how much it may fall short. One for each sample.

    Returns:
        The e-value of each sample, from all its weeks: 1/a or more refutes at the level a, at this look or any other.
    """
    hits, held, other_hits, other_held = np.moveaxis(np.asarray(weeks, dtype=float), -1, 0)
    half = np.asarray(above)[..., None] / 2
    hits, other_hits = hits - half * held, other_hits + half * other_held
    both = (held + other_held).cumsum(axis=-1)
    pooled = (hits + other_hits).cumsum(axis=-1) / np.where(both > 0, both, 1)
    gained = hits - other_hits - pooled * (held - other_held)
    spread = np.sqrt(np.square(gained).cumsum(axis=-1) / np.arange(1, gained.shape[-1] + 1))
    unit = gained / np.where(spread > 0, spread, 1)
    return np.asarray(np.prod(1 + np.tanh(_STAKES * unit[..., None]), axis=-2).mean(axis=-1))


def swapped(weeks: Counts) -> Counts:
    """The same weeks from the opponent's side."""
    return weeks[..., [2, 3, 0, 1]]


def lower_end(weeks: Counts, rate: float) -> float:
    """The least difference in precision that the evidence does not refute: the lower end of a confidence sequence.

    With probability 1 - `rate` the true difference lies above it at every look (Howard, Ramdas, McAuliffe and Sekhon,
    "Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann. Statist. 49, 2021).

    Args:
        weeks: As for `evidence`, one sample.
        rate: How often it may be wrong.

    Returns:
        -1 where nothing is refuted, which is so in the first weeks.
    """
    totals = weeks.sum(axis=0)
    if not (totals[1] > 0 and totals[3] > 0):
        return -1.0
    low, high = -1.0, float(totals[0] / totals[1] - totals[2] / totals[3])
    if evidence(weeks, low) < 1 / rate:
        return low
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if evidence(weeks, middle) >= 1 / rate else (low, middle)
    return low


def detectable(weeks: Counts, rate: float) -> float:
    """The least difference in precision that as many weeks like these show in 80 of 100 cases; NaN: none would.

    Weeks are drawn with replacement, moved to a given difference, and tested.

    Args:
        weeks: As for `evidence`, one sample.
        rate: How often the test may be wrong.
    """
    totals = weeks.sum(axis=0)
    if not (totals[1] > 0 and totals[3] > 0):
        return np.nan
    measured = float(totals[0] / totals[1] - totals[2] / totals[3])
    drawn = weeks[np.random.default_rng(_SEED).integers(len(weeks), size=(_RESAMPLES, len(weeks)))]

    def power(difference: float) -> float:
        return float((evidence(drawn, np.full(_RESAMPLES, measured - difference)) >= 1 / rate).mean())

    low, high = 0.0, 1.0
    if power(high) < _POWER:
        return np.nan
    for _ in range(_STEPS // 2):
        middle = (low + high) / 2
        low, high = (middle, high) if power(middle) < _POWER else (low, middle)
    return high
