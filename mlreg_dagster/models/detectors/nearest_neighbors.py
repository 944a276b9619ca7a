"""A detector that scikit-learn has no class for: the distance to the nearest training rows."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.neighbors import NearestNeighbors

Matrix = NDArray[np.float64]


class NeighborDistance(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """How far the nearest training rows are, on average.

    The distance to the k-th neighbour as a score: Ramaswamy, Rastogi and Shim, "Efficient Algorithms for Mining
    Outliers from Large Data Sets", SIGMOD 2000; the mean of the k distances, which is steadier: Angiulli and Pizzuti,
    "Fast Outlier Detection in High Dimensional Spaces", PKDD 2002. Unlike a local outlier factor it compares with no
    other density, so identical rows are no trouble: they are 0 apart.

    Args:
        n_neighbors: How many are looked at.
    """

    def __init__(self, n_neighbors: int = 10) -> None:
        self.n_neighbors = n_neighbors

    def fit(self, X: Matrix, y: object = None) -> Self:  # noqa: ARG002
        """Keep the rows of `X` (rows x features, no nulls), and how far each is from the others.

        Raises:
            ValueError: `n_neighbors` is no whole number of at least 1, or there is one row alone.
        """
        count = min(self.n_neighbors, len(X) - 1)  # too few rows are refused in words after the fit
        self.index_ = NearestNeighbors(n_neighbors=count).fit(X)
        self.training_scores_ = self.index_.kneighbors()[0].mean(axis=1)  # without itself
        return self

    def score_samples(self, X: Matrix) -> Matrix:
        """Minus the mean distance of each row: higher is more normal, as in scikit-learn."""
        return np.asarray(-self.index_.kneighbors(X)[0].mean(axis=1))
