"""The scores of an isolation forest, compiled: the same numbers as scikit-learn's in a fraction of its time.

A row walks down a tree from one unpredictable turn to the next, each waiting for the memory of the one before. Here
it walks down several trees at once, so that its waits overlap, and without branches. Thresholds and rows are compared
as the 32-bit floats that scikit-learn takes rows for, written as integers of the same order, and the two children of a
node lie side by side: a node fits into 8 bytes. Everything is unsigned, for Numba asks of each signed index whether it
counts from the end.
"""

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length

from mlreg_dagster.core.compilation import compiled
from mlreg_dagster.core.errors import MlregError

_LANES = 8
_NEVER_EXCEEDED = np.uint64(0xFFFFFFFF)


class ForestTooLarge(MlregError):
    """More nodes than the compiled walk can number."""


class Forest(NamedTuple):
    """The nodes of all trees, one tree after the other; empty trees make them a multiple of the lanes.

    Attributes:
        nodes: Of each: 32 bits of threshold as an ordered integer, then its left child, then its feature. The right
            child follows the left one; a leaf is its own left child.
        feature_bits: How many bits of a node are its feature.
        lengths: For each node, the length of the path of a row that ends there.
        roots: The first node of each tree.
        depths: The most turns of any of the trees of each group of lanes.
        usual_length: Of the path of a row that is like any other, summed over the trees.
    """

    nodes: NDArray[np.uint64]
    feature_bits: np.uint64
    lengths: NDArray[np.float64]
    roots: NDArray[np.uint64]
    depths: NDArray[np.uint64]
    usual_length: float


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
    rows, lengths = _ordered(points.astype(np.float32)), np.zeros(len(points))
    _walk(forest.nodes, forest.feature_bits, forest.lengths, forest.roots, forest.depths, rows, lengths)
    return np.asarray(2.0 ** -(lengths / forest.usual_length))


def path_lengths(tree: Any) -> NDArray[np.float64]:
    """For each node of a tree of scikit-learn: the length of the path of a row that ends there."""
    return np.asarray(tree.compute_node_depths() + _average_path_length(tree.n_node_samples) - 1.0)


def usual_length(detector: IsolationForest) -> float:
    """The length of the path of a row that is like any other, summed over the trees; 0 if they have one row each."""
    return len(detector.estimators_) * float(_average_path_length([detector.max_samples_])[0])


def _flatten(detector: IsolationForest) -> Forest:
    trees = [each.tree_ for each in detector.estimators_]
    first = np.cumsum([0, *(tree.node_count for tree in trees)])
    empty = -len(trees) % _LANES
    feature_bits = (detector.n_features_in_ - 1).bit_length()
    if (first[-1] + empty) << feature_bits > 1 << 32:
        raise ForestTooLarge(
            f"A forest of {first[-1]:,} nodes and {detector.n_features_in_} features is too large to be scored. Lower "
            f"max_training_rows, or n_estimators or max_samples in the model's params."
        )
    places = np.arange(first[-1] + empty, dtype=np.uint64)
    nodes, lengths = _node(np.full(len(places), _NEVER_EXCEEDED), places, feature_bits), np.zeros(len(places))
    for tree, features, root in zip(trees, detector.estimators_features_, first, strict=False):
        inner = tree.children_left >= 0
        place = np.full(tree.node_count, root)
        pair = root + 1 + 2 * np.arange(inner.sum())
        place[tree.children_left[inner]], place[tree.children_right[inner]] = pair, pair + 1
        thresholds = _ordered(_not_above(tree.threshold[inner])).astype(np.uint64)
        own_features = features[tree.feature[inner]].astype(np.uint64)
        nodes[place[inner]] = _node(thresholds, pair.astype(np.uint64), feature_bits) | own_features
        lengths[place] = path_lengths(tree)
    usual = usual_length(detector)
    if not usual:  # trees of a single row: any row is as usual as the next, and scikit-learn says one half
        lengths[first[:-1]], usual = 1.0, float(len(trees))
    roots = np.concatenate([first[:-1], np.arange(empty) + first[-1]])
    depths = np.array([tree.max_depth for tree in trees] + [0] * empty).reshape(-1, _LANES).max(axis=1)
    return Forest(
        nodes, np.uint64(feature_bits), lengths, roots.astype(np.uint64), depths.astype(np.uint64), usual
    )  # fmt: skip


def _node(thresholds: NDArray[np.uint64], left_children: NDArray[np.uint64], feature_bits: int) -> NDArray[np.uint64]:
    return thresholds << np.uint64(32) | left_children << np.uint64(feature_bits)


def _not_above(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest 32-bit floats that are not above: of 32-bit rows they let the same ones pass."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _ordered(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Integers in the order of the floats; both zeros are one."""
    bits = (values + np.float32(0.0)).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


@compiled
def _walk(
    nodes: NDArray[np.uint64],
    feature_bits: np.uint64,
    path_lengths: NDArray[np.float64],
    roots: NDArray[np.uint64],
    depths: NDArray[np.uint64],
    rows: NDArray[np.uint32],
    total: NDArray[np.float64],
) -> None:
    feature_mask = (np.uint64(1) << feature_bits) - np.uint64(1)
    at = np.empty(_LANES, dtype=np.uint64)
    for group in range(np.uint64(len(depths))):
        for row in range(np.uint64(len(rows))):
            for lane in range(_LANES):
                at[lane] = roots[group * np.uint64(_LANES) + np.uint64(lane)]
            for _ in range(depths[group]):
                for lane in range(_LANES):
                    node = nodes[at[lane]]
                    right = np.uint64(rows[row, node & feature_mask]) > node >> np.uint64(32)
                    at[lane] = ((node & np.uint64(0xFFFFFFFF)) >> feature_bits) + np.uint64(right)
            for lane in range(_LANES):
                total[row] += path_lengths[at[lane]]
