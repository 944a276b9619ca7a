"""Fits a detector's pipeline and scores rows by it; every fit and every score of a model passes here.

How a pipeline is made is in `making`.

scikit-learn's `score_samples` is higher for normal rows; here an anomaly score is higher for anomalous ones
(the convention of PyOD and ADBench), and `anomaly_scores` is the one place where the sign turns.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mlreg_dagster.models.classifier.labels import Labels
from mlreg_dagster.models.detectors.local_density import distinct_rows, fit_apart
from mlreg_dagster.models.detectors.robust_z_score import RobustZScore

Matrix = NDArray[np.float64]

_BLOCK_ROWS = 512
_WORTH_SHARING = 4096  # rows; fewer are scored before a second core has begun

_FEWEST_APART = 2

_Function = TypeVar("_Function", bound=Callable[..., object])
_one_thread: Callable[[_Function], _Function] = threadpool_limits.wrap(limits=1)
"""Sums are cut up by the number of threads, and round accordingly: another machine, another score in its last bit."""


_ROW_BY_ROW = (IsolationForest, RobustZScore)
"""Detectors without matrix products: how many rows are scored at once changes nothing but the time it takes."""


@_one_thread
def fit(pipeline: Pipeline, X: Matrix, *, apart: bool = True, labels: Labels | None = None) -> Pipeline:
    """Fit a pipeline.

    Trees of a forest grow side by side, each from a seed of its own, so the number of cores changes nothing in them.

    Args:
        pipeline: As `make_pipeline` makes it.
        X: The training rows.
        apart: Whether a local outlier factor counts identical rows once, see `local_density`.
        labels: Of the rows, for the detector that learns from them.
    """
    if labels is not None:
        known = {"detector__hours": labels.hours, "detector__gap_hours": labels.gap_hours}
        return pipeline.fit(X, labels.crashed, **known)
    with parallel_config(backend="threading", n_jobs=-1):
        if not (apart and isinstance(pipeline[-1], LocalOutlierFactor)):
            return pipeline.fit(X)
        first, _ = distinct_rows(X)
        if len(first) < _FEWEST_APART:
            return pipeline.fit(X)
        points = pipeline[:-1].fit_transform(X) if len(pipeline) > 1 else X  # a member may see plain rows
        fit_apart(pipeline[-1], points[first])
        return pipeline


@_one_thread
def anomaly_scores(pipeline: Pipeline, X: Matrix) -> Matrix:
    """Anomaly score of each row; higher is more anomalous, whatever the detector.

    A row scores the same to the last bit whichever rows are scored with it.
    """
    points = own_space(pipeline, X)
    if len(X) and isinstance(pipeline[-1], _ROW_BY_ROW):
        parts = np.array_split(points, effective_n_jobs(-1) if len(X) > _WORTH_SHARING else 1)
        return np.concatenate(
            Parallel(n_jobs=len(parts), backend="threading")(delayed(_scores)(pipeline, part) for part in parts)
        )
    return _in_blocks(lambda block: _scores(pipeline, block), points)


def training_scores(pipeline: Pipeline, X: Matrix) -> Matrix:
    """Anomaly scores of the rows that the pipeline was fitted on.

    A detector that looks for neighbours finds each of its training rows beside itself when they come as new ones. So
    it keeps the leave-one-out scores of its fit; those are meant here. Rows that a local outlier factor counted once
    have one factor. A classifier keeps the scores of its walk-forward: of the later rows, by what was known before.
    """
    detector = pipeline[-1]
    if isinstance(detector, LocalOutlierFactor):
        factors = -np.asarray(detector.negative_outlier_factor_, dtype=np.float64)
        return factors if len(factors) == len(X) else factors[distinct_rows(X)[1]]
    kept = getattr(detector, "training_scores_", None)
    return anomaly_scores(pipeline, X) if kept is None else np.asarray(kept, dtype=np.float64)


@_one_thread
def own_space(pipeline: Pipeline, X: Matrix) -> Matrix:
    """Rows as the detector itself sees them."""
    for _, step in pipeline.steps[:-1]:
        products = isinstance(step, PCA)
        X = _in_blocks(step.transform, X) if products or not len(X) else step.transform(X)  # which refuses no rows
    return np.asarray(X, dtype=np.float64)


def _scores(pipeline: Pipeline, points: Matrix) -> Matrix:
    detector = pipeline[-1]
    if isinstance(detector, IsolationForest):
        from mlreg_dagster.models.scorers.forest_walk import forest_scores

        return forest_scores(detector, points)
    return -np.asarray(detector.score_samples(points), dtype=np.float64)


def _in_blocks(compute: Callable[[Matrix], Matrix], rows: Matrix) -> Matrix:
    """Compute in blocks of one height, the last one filled up: matrix products round differently for other heights."""
    parts = []
    for start in range(0, max(len(rows), 1), _BLOCK_ROWS):
        part = rows[start : start + _BLOCK_ROWS]
        block = np.resize(part, (_BLOCK_ROWS, rows.shape[1]))  # repeats the rows
        parts.append(compute(block)[: len(part)])
    return np.concatenate(parts)
