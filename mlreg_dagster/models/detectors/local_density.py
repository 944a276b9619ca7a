"""A local outlier factor where rows are identical, or next to it.

Where more rows than `n_neighbors` are the same, their distance to their neighbours is 0, their density has no bound,
and whatever lies beside them gets a factor in the millions. Breunig, Kriegel, Ng and Sander ("LOF: Identifying
Density-Based Local Outliers", SIGMOD 2000, after definition 6) count only neighbours at different places: the
neighbourhood of the k-distinct-distance. So identical rows count once here. Rows that are not identical but as good as
that are kept from the same by a floor: no row is taken to reach its neighbours within less than a hundredth of what is
usual. A detector without such rows is the one that scikit-learn fits, to the last bit.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import LocalOutlierFactor

Matrix = NDArray[np.float64]

_FLOOR = 0.01  # of the median distance to the last of the neighbours
_NO_DISTANCE = 1e-9  # in white space, where features vary by 1: rows closer than that differ by rounding alone


def distinct_rows(X: Matrix) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which rows are the first of their kind, and for each row the place of its kind among those; nulls are alike."""
    values = np.array(X, dtype=np.float64) + 0.0  # -0.0 is 0.0
    values[np.isnan(values)] = np.nan
    bits = np.ascontiguousarray(values).view(np.dtype((np.void, values.dtype.itemsize * values.shape[1]))).ravel()
    _, firsts, kinds = np.unique(bits, return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return firsts[order], place[kinds]


def fit_apart(detector: LocalOutlierFactor, points: Matrix) -> None:
    """Fit a detector on distinct rows, in its own space, with a floor under their distances."""
    detector.fit(points)
    reach = detector._distances_fit_X_[:, -1]
    floor = _FLOOR * float(np.median(reach[reach > _NO_DISTANCE])) if (reach > _NO_DISTANCE).any() else 0.0
    if not (reach < floor).any():
        return
    distances, neighbours = detector.kneighbors(n_neighbors=detector.n_neighbors_)
    detector._distances_fit_X_[:, -1] = np.maximum(reach, floor)
    detector._lrd = detector._local_reachability_density(distances, neighbours)
    factors = np.mean(detector._lrd[neighbours] / detector._lrd[:, np.newaxis], axis=1)
    detector.negative_outlier_factor_ = -factors
    if detector.contamination != "auto":
        detector.offset_ = np.percentile(detector.negative_outlier_factor_, 100.0 * detector.contamination)


def crowded_rows(detector: object) -> int:
    """The rows of a fitted local outlier factor beside which factors have no bound; none in other detectors."""
    if not isinstance(detector, LocalOutlierFactor):
        return 0
    return int(np.sum(detector._distances_fit_X_[:, -1] <= _NO_DISTANCE))
