"""The baseline that every model has to beat."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin

Matrix = NDArray[np.float64]

_MAD_TO_SIGMA = 1.4826  # the median absolute deviation of a normal distribution times this is its sigma


class RobustZScore(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """The baseline: how many robust deviations the most unusual feature of a row lies from its median.

    Median and median absolute deviation instead of mean and deviation (Iglewicz and Hoaglin, "How to Detect
    and Handle Outliers", 1993). A feature that did not vary in training says nothing. Finds single extreme
    features; blind to unusual combinations of usual values.
    """

    def fit(self, X: Matrix, y: object = None) -> Self:  # noqa: ARG002
        """Learn median and deviation of each column of `X` (rows x features, no nulls)."""
        self.median_ = np.median(X, axis=0)
        deviation = np.median(np.abs(X - self.median_), axis=0) * _MAD_TO_SIGMA
        self.scale_ = np.where(deviation > np.finfo(float).eps, deviation, np.inf)
        return self

    def score_samples(self, X: Matrix) -> Matrix:
        """Minus the largest absolute z-score of each row: higher is more normal, as in scikit-learn."""
        return np.asarray(-np.max(np.abs(X - self.median_) / self.scale_, axis=1))


RobustZScore.__module__ = "mlreg_dagster.models.detectors"  # by which model files name it, whatever file it is in
