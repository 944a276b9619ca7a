"""The detectors, behind one interface: a scikit-learn pipeline whose last step scores rows.

scikit-learn's `score_samples` is higher for normal rows; here an anomaly score is higher for anomalous ones
(the convention of PyOD and ADBench), and `anomaly_scores` is the one place where the sign turns.
"""

from collections.abc import Callable
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from mlreg_dagster.config import ConfigError, ModelSettings

Matrix = NDArray[np.float64]

_MAD_TO_SIGMA = 1.4826  # the median absolute deviation of a normal distribution times this is its sigma
_WHITENED_VARIANCE = 0.9999
_BLOCK_ROWS = 512


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


def _isolation_forest(params: dict[str, object], seed: int) -> BaseEstimator:
    """Liu, Ting and Zhou, "Isolation Forest", ICDM 2008."""
    return IsolationForest(random_state=seed, **params)


def _local_outlier_factor(params: dict[str, object], seed: int) -> BaseEstimator:  # noqa: ARG001
    """Breunig, Kriegel, Ng and Sander, "LOF: Identifying Density-Based Local Outliers", SIGMOD 2000."""
    return LocalOutlierFactor(novelty=True, **params)


def _robust_z_score(params: dict[str, object], seed: int) -> BaseEstimator:  # noqa: ARG001
    return RobustZScore(**params)


_DETECTORS: dict[str, Callable[[dict[str, object], int], BaseEstimator]] = {
    "isolation_forest": _isolation_forest,
    "local_outlier_factor": _local_outlier_factor,
    "robust_z_score": _robust_z_score,
}


def make_pipeline(settings: ModelSettings) -> Pipeline:
    """An unfitted pipeline: nulls to medians, then the detector in its own space.

    The forest and the local outlier factor see whitened principal components: cuts along single features
    don't see a volume that breaks with its own past, but in whitened space broken correlations are far out.
    The baseline stays as plain as a baseline should be.

    Raises:
        ConfigError: A parameter that the detector does not have.
    """
    try:
        detector = _DETECTORS[settings.detector](dict(settings.params), settings.seed)
    except TypeError as error:
        raise ConfigError(f"params of detector {settings.detector}: {error}.") from error
    steps: list[tuple[str, BaseEstimator]] = [
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
        ("scale", StandardScaler()),
    ]
    if settings.detector != "robust_z_score":
        # whitening by the exact decomposition: no random numbers, no dependence on the number of rows
        steps.append(("whiten", PCA(n_components=_WHITENED_VARIANCE, whiten=True, svd_solver="full")))
    return Pipeline([*steps, ("detector", detector)])


def anomaly_scores(pipeline: Pipeline, X: Matrix) -> Matrix:
    """Anomaly score of each row; higher is more anomalous, whatever the detector.

    Rows pass in blocks of one height, the last one filled up: matrix products round differently for other
    heights, and a row must score the same to the last bit whichever rows are scored with it.
    """
    scores = [np.empty(0)]
    for start in range(0, len(X), _BLOCK_ROWS):
        rows = X[start : start + _BLOCK_ROWS]
        block = np.resize(rows, (_BLOCK_ROWS, X.shape[1]))  # repeats the rows
        scores.append(-np.asarray(pipeline.score_samples(block), dtype=np.float64)[: len(rows)])
    return np.concatenate(scores)


def training_scores(pipeline: Pipeline, X: Matrix) -> Matrix:
    """Anomaly scores of the rows that the pipeline was fitted on.

    A local outlier factor that scores its own training rows as new ones finds each of them beside itself, so
    it keeps the leave-one-out factors of its fit; those are meant here.
    """
    detector = pipeline[-1]
    if isinstance(detector, LocalOutlierFactor):
        return -np.asarray(detector.negative_outlier_factor_, dtype=np.float64)
    return anomaly_scores(pipeline, X)


def own_space(pipeline: Pipeline, X: Matrix) -> Matrix:
    """Rows as the detector itself sees them."""
    return np.asarray(pipeline[:-1].transform(X), dtype=np.float64)
