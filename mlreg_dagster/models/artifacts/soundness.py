"""Validates a loaded model before compiled code follows its numbers: that code checks no index and no depth.

A planted or damaged file may hold trees that lead back, share nodes (2 to the power of their number paths), are
deeper than the stack of what walks them, or name children, rows and features that are not there.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import ExtraTreeRegressor

from mlreg_dagster.extensions.detectors import full_name
from mlreg_dagster.models.detectors import RobustZScore
from mlreg_dagster.models.plugin_detector import PluginDetector, registered

LARGEST_DEPTH = 64
"""Turns of one path. A forest stops at the binary logarithm of its sample: 64 are enough for more rows than exist."""
MOST_NODES = 1 << 26
_STEPS = (SimpleImputer, StandardScaler, PCA)
_DETECTORS = (IsolationForest, LocalOutlierFactor, RobustZScore, PluginDetector)

_Integers = NDArray[np.int64]


def require_sound(pipeline: Pipeline) -> None:
    """Refuse a pipeline of other steps than `detectors.make_pipeline` gives, or whose numbers lead nowhere.

    Raises:
        ValueError: It is such a one.
    """
    *steps, detector = (step for _, step in pipeline.steps)
    if type(detector) not in _DETECTORS or any(type(step) not in _STEPS for step in steps):
        found = ", ".join(type(step).__name__ for _, step in pipeline.steps)
        raise ValueError(f"its steps are {found}, not those of a detector")
    if isinstance(detector, IsolationForest):
        _require_sound_forest(detector)
    if isinstance(detector, LocalOutlierFactor) and detector._tree is not None:
        _require_sound_index(detector)
    if isinstance(detector, PluginDetector):
        found = full_name(type(detector.estimator_))
        if found not in registered(detector.name).types:
            raise ValueError(f"its detector is a {found}, which its plug-in does not declare")


def require_trees(roots: _Integers, left: _Integers, right: _Integers) -> None:
    """Check that nodes form trees: each hangs from one place, comes after its parent, and no path is too long.

    Args:
        roots: The first node of each tree.
        left: The left child of each node, -1 where the path ends.
        right: Likewise.

    Raises:
        ValueError: They don't.
    """
    count = len(left)
    if count > MOST_NODES:
        raise ValueError(f"its trees have {count:,} nodes, more than {MOST_NODES:,}")
    places, children = np.arange(count), np.concatenate([left, right])
    later = (children == -1) | ((children > np.concatenate([places, places])) & (children < count))
    hanging = np.sort(np.concatenate([roots, children[children != -1]]))
    if right.shape != left.shape or not later.all() or not np.array_equal(hanging, places):
        raise ValueError("its trees lead nowhere, or a node hangs from two places")
    at = roots
    for _ in range(LARGEST_DEPTH + 1):
        at = np.concatenate([left[at], right[at]])
        at = at[at != -1]
        if not len(at):
            return
    raise ValueError(f"its trees are deeper than {LARGEST_DEPTH} turns")


def _require_sound_forest(forest: IsolationForest) -> None:
    features, trees = int(forest.n_features_in_), []
    if not len(forest.estimators_):
        raise ValueError("its forest has no trees")
    for each, chosen in zip(forest.estimators_, forest.estimators_features_, strict=True):
        if type(each) is not ExtraTreeRegressor or not len(each.tree_.children_left):
            raise ValueError("its forest is not one of trees")
        tree, chosen = each.tree_, np.asarray(chosen)
        inner = tree.children_left != -1
        known = len(chosen) == tree.n_features and ((chosen >= 0) & (chosen < features)).all()
        asked = tree.feature[inner]
        if not known or not ((asked >= 0) & (asked < tree.n_features)).all():
            raise ValueError("its trees ask for features that rows don't have")
        if not np.isfinite(tree.threshold[inner]).all() or not (tree.n_node_samples > 0).all():
            raise ValueError("its trees have thresholds or counts that are no numbers")
        trees.append(tree)
    firsts = np.cumsum([0, *(tree.node_count for tree in trees)])
    sides = (
        [np.where(side == -1, -1, side + first) for side, first in zip(sides, firsts, strict=False)]
        for sides in ([tree.children_left for tree in trees], [tree.children_right for tree in trees])
    )
    require_trees(firsts[:-1], *(np.concatenate(side) for side in sides))
    for tree in trees:  # only now it may be walked
        if tree.compute_node_depths().max() - 1 != tree.max_depth:
            raise ValueError("its trees have other depths than they say")


def _require_sound_index(detector: LocalOutlierFactor) -> None:
    """The tree in which a local outlier factor looks neighbours up; node n has the children 2n + 1 and 2n + 2."""
    rows, order, nodes, bounds = (np.asarray(each) for each in detector._tree.get_arrays())
    count = len(nodes)
    first, end, leaf = nodes["idx_start"], nodes["idx_end"], nodes["is_leaf"]
    childless = 2 * np.arange(count) + 2 >= count
    sound: list[Any] = [
        rows.shape == detector._fit_X.shape,
        np.array_equal(np.sort(order), np.arange(len(rows))),
        count > 0 and ((first >= 0) & (first <= end) & (end <= len(rows))).all(),
        (leaf[childless] == 1).all(),
        bounds.shape[1:] == (count, rows.shape[1]),
    ]
    if not all(sound):
        raise ValueError("the index of its neighbours leads nowhere")
