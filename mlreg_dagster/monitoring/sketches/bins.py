"""Bins: where the values of a reference's training rows are cut, and how many of them each bin holds.

No pandas, no tables: values in, numbers out.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

BINS = 64
"""Bins of each feature."""


@dataclass(frozen=True)
class Bins:
    """The bins of several features, each cut at quantiles of the same training rows.

    Attributes:
        names: Of the features.
        edges: features x (BINS - 1), ascending; a value on an edge belongs above it. NaN: the feature has no value in
            training, and none of its values is counted.
        counts: features x BINS, the training rows in each bin.
        nulls: The training rows without a value, by feature.
    """

    names: tuple[str, ...]
    edges: Values
    counts: NDArray[np.int64]
    nulls: NDArray[np.int64]

    @cached_property
    def ranks(self) -> Values:
        """Features x BINS: the mean rank of a bin's training rows among all of them, from 0 to 1.

        Equal values share their mean rank, so that the mean over the training rows is 1/2 whatever their distribution
        is. A bin without a training row lies between its neighbours.
        """
        below = self.counts.cumsum(axis=1) - self.counts
        return np.asarray((below + self.counts / 2) / np.maximum(self.counts.sum(axis=1, keepdims=True), 1))

    @cached_property
    def spreads(self) -> Values:
        """Features x BINS: how far a bin lies from the middle of the training rows, |2 rank - 1|."""
        return np.asarray(np.abs(2 * self.ranks - 1))

    def only(self, names: tuple[str, ...]) -> "Bins":
        """The bins of some of the features, in the order asked for."""
        places = [self.names.index(name) for name in names]
        return Bins(names, self.edges[places], self.counts[places], self.nulls[places])


def cut(names: tuple[str, ...], rows: Values) -> Bins:
    """Bins at the quantiles of training rows.

    Args:
        names: Of the features.
        rows: rows x features; NaN: not known.
    """
    edges = np.full((len(names), BINS - 1), np.nan)
    shares = np.arange(1, BINS) / BINS
    for feature, column in enumerate(rows.T):
        known = column[~np.isnan(column)]
        if len(known):
            edges[feature] = np.quantile(known, shares)
    counts, nulls = count(rows, edges)
    return Bins(names, edges, counts, nulls)


def count(rows: Values, edges: Values) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count rows by bin.

    Args:
        rows: rows x features.
        edges: As in `Bins`.

    Returns:
        features x BINS counts, and the number of nulls of each feature.
    """
    hours = np.zeros(len(rows), dtype=np.int64)
    counts, nulls = count_by(rows, hours, 1, edges)
    return counts[0], nulls[0]


def count_by(
    rows: Values, groups: NDArray[np.int64], number: int, edges: Values
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count rows by group (an hour) and bin.

    Args:
        rows: rows x features.
        groups: The group of each row, from 0 to `number` - 1.
        number: How many groups there are.
        edges: As in `Bins`.

    Returns:
        groups x features x BINS counts, and groups x features nulls: whatever is not known, or of a feature without
        bins.
    """
    counts = np.zeros((number, len(edges), BINS), dtype=np.int64)
    nulls = np.zeros((number, len(edges)), dtype=np.int64)
    for feature, (column, cuts) in enumerate(zip(rows.T, edges, strict=True)):
        known = ~np.isnan(column) if not np.isnan(cuts[0]) else np.zeros(len(column), dtype=bool)
        place = groups[known] * BINS + np.searchsorted(cuts, column[known], side="right")
        counts[:, feature] = np.bincount(place, minlength=number * BINS).reshape(number, BINS)
        nulls[:, feature] = np.bincount(groups[~known], minlength=number)
    return counts, nulls
