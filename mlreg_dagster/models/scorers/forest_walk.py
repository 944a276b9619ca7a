"""The scores of an isolation forest, compiled: the same numbers as scikit-learn's in a fraction of its time.

The walk itself is in `walk`.
"""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.scorers.walk import (
    LANES,
    NEVER_EXCEEDED,
    Forest,
    is_too_large,
    not_above,
    ordered,
    packed,
    total_lengths,
)


class ForestTooLarge(MlregError):
    """More nodes than the compiled walk can number."""


_flattened: WeakKeyDictionary[BaseEstimator, Forest] = WeakKeyDictionary()
"""By the first tree: a forest that is fitted again grows other trees."""


def forest_scores(detector: IsolationForest, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Anomaly scores: minus scikit-learn's `score_samples`; a row has the same to the last bit in any company.

    Args:
        detector: Fitted.
        points: rows x features, without nulls.

    Raises:
        ForestTooLarge: It has more than some 67 million nodes (at 64 features).
    """
    first_tree = detector.estimators_[0]
    if first_tree not in _flattened:
        _flattened[first_tree] = _flatten(detector)
    forest = _flattened[first_tree]
    return np.asarray(2.0 ** -(total_lengths(forest, points) / forest.usual_length))


def path_lengths(tree: Any) -> NDArray[np.float64]:
    """For each node of a tree of scikit-learn: the length of the path of a row that ends there."""
    return np.asarray(tree.compute_node_depths() + _average_path_length(tree.n_node_samples) - 1.0)


def usual_length(detector: IsolationForest) -> float:
    """The length of the path of a row that is like any other, summed over the trees; 0 if they have one row each."""
    return len(detector.estimators_) * float(_average_path_length([detector.max_samples_])[0])


def _flatten(detector: IsolationForest) -> Forest:
    trees = [each.tree_ for each in detector.estimators_]
    first = np.cumsum([0, *(tree.node_count for tree in trees)])
    empty = -len(trees) % LANES
    feature_bits = (detector.n_features_in_ - 1).bit_length()
    if is_too_large(int(first[-1] + empty), feature_bits):
        raise ForestTooLarge(
            f"A forest of {first[-1]:,} nodes and {detector.n_features_in_} features is too large to be scored. Lower "
            f"max_training_rows, or n_estimators or max_samples in the model's params."
        )
    places = np.arange(first[-1] + empty, dtype=np.uint64)
    nodes, lengths = packed(np.full(len(places), NEVER_EXCEEDED), places, feature_bits), np.zeros(len(places))
    for tree, features, root in zip(trees, detector.estimators_features_, first, strict=False):
        inner = tree.children_left >= 0
        place = np.full(tree.node_count, root)
        pair = root + 1 + 2 * np.arange(inner.sum())
        place[tree.children_left[inner]], place[tree.children_right[inner]] = pair, pair + 1
        thresholds = ordered(not_above(tree.threshold[inner])).astype(np.uint64)
        own_features = features[tree.feature[inner]].astype(np.uint64)
        nodes[place[inner]] = packed(thresholds, pair.astype(np.uint64), feature_bits) | own_features
        lengths[place] = path_lengths(tree)
    usual = usual_length(detector)
    if not usual:  # trees of a single row: any row is as usual as the next, and scikit-learn says one half
        lengths[first[:-1]], usual = 1.0, float(len(trees))
    roots = np.concatenate([first[:-1], np.arange(empty) + first[-1]])
    depths = np.array([tree.max_depth for tree in trees] + [0] * empty).reshape(-1, LANES).max(axis=1)
    return Forest(
        nodes, np.uint64(feature_bits), lengths, roots.astype(np.uint64), depths.astype(np.uint64), usual
    )  # fmt: skip
