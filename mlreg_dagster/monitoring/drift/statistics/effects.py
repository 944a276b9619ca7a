"""Effect sizes between the training rows and the rows of a day, from counts in the same bins.

They are shown because readers know them, and decide nothing: on a market whose volatility clusters they are large on
most quiet days (decision 0030).
"""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

EFFECTS = ("ks", "psi", "js", "wasserstein")

_LEAST_SHARE = 1e-4  # of a bin, so that an empty one has a logarithm


def effects(training: NDArray[np.int64], counts: NDArray[np.int64]) -> Numbers:
    """The effect sizes of each feature.

    Args:
        training: features x bins.
        counts: features x bins, of a day.

    Returns:
        features x 4: the largest distance between the distribution functions (Kolmogorov and Smirnov, 0 to 1), the
        population stability index, the square root of the Jensen-Shannon divergence (base 2, 0 to 1), and the mean
        distance between ranks among the training rows (Wasserstein, 0 to 1). NaN: one of both has no value.
    """
    left, right = _shares(training), _shares(counts)
    apart = np.abs(np.cumsum(left - right, axis=-1))
    ks = apart.max(axis=-1)
    wasserstein = (apart * left).sum(axis=-1)
    p, q = np.maximum(left, _LEAST_SHARE), np.maximum(right, _LEAST_SHARE)
    psi = ((p - q) * np.log(p / q)).sum(axis=-1)
    middle = (left + right) / 2
    divergence = (_terms(left, middle) + _terms(right, middle)) / 2
    js = np.sqrt(np.maximum(divergence, 0.0))
    return np.stack([ks, np.where(np.isnan(ks), np.nan, psi), js, wasserstein], axis=-1)


def _shares(counts: NDArray[np.int64]) -> Numbers:
    total = counts.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0))


def _terms(shares: Numbers, middle: Numbers) -> Numbers:
    ratio = np.divide(shares, middle, out=np.ones_like(shares), where=shares > 0)
    return np.asarray((shares * np.log2(ratio)).sum(axis=-1))
