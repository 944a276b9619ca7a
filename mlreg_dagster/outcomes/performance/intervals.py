"""Confidence intervals of rates and of lift, from resampled blocks of time; no pandas here.

Why blocks of time, and which, is said in `worth.blocks` and decision 0023.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.outcomes.names import RATES
from mlreg_dagster.outcomes.worth.blocks import Counts, blocks_of, interval, ratio

Ends = tuple[float, float]

LIFT = ("true_positives", "flagged", "crashes", "resolved")
"""Lift is the first out of the second, over the third out of the fourth."""


def intervals(
    counts: Mapping[str, NDArray[np.int64]], days: NDArray[np.int64], settings: OutcomeSettings
) -> dict[str, Ends]:
    """Low and high end of each rate and of lift.

    Args:
        counts: Rows of each kind, on each day.
        days: Days since 1970-01-01 of the predictions.
        settings: The confidence and the number of resamples.

    Returns:
        NaN where an interval can't be told: for less than six days, where the blocks show no spread, and for a rate
        that is 0 or 1 as measured.
    """
    measures = {name: (_log_odds, kinds) for name, kinds in RATES.items()} | {"lift": (_log_lift, LIFT)}
    ends = {}
    for name, (measure, kinds) in measures.items():
        blocks, _ = blocks_of(np.stack([counts[kind] for kind in kinds], axis=1).astype(np.float64), days)
        low, high = interval(blocks, measure, settings.confidence, settings.bootstrap_samples)
        ends[name] = (_exp(low), _exp(high)) if name == "lift" else (_share(low), _share(high))
    return ends


def _log_odds(totals: Counts) -> tuple[NDArray[np.float64], Counts]:
    """Of a rate: so that its interval is as wide as the skew of small rates asks, and lies between 0 and 1."""
    rate, slope = ratio(totals)
    return np.log(rate / (1 - rate)), slope / (rate * (1 - rate))[:, None]


def _log_lift(totals: Counts) -> tuple[NDArray[np.float64], Counts]:
    signs = np.array([1.0, -1.0, -1.0, 1.0])
    return np.log(totals) @ signs, signs / totals


def _share(log_odds: float) -> float:
    return float((1 + np.tanh(log_odds / 2)) / 2)


def _exp(log_lift: float) -> float:
    return float(np.exp(min(log_lift, 700.0)))  # beyond that no double is
