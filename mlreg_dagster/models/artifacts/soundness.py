"""Validates a loaded model before compiled code follows its numbers: that code checks no index and no depth.

A planted or damaged file may hold trees that lead back, share nodes (2 to the power of their number paths), are
deeper than the stack of what walks them, or name children, rows and features that are not there. Of the estimators of
plug-ins the decision trees and the indexes of neighbours of scikit-learn are validated, wherever they are held; other
compiled code that a plug-in's types bring is the plug-in's affair.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._forest import BaseForest
from sklearn.ensemble._gb import BaseGradientBoosting
from sklearn.impute import SimpleImputer
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.neighbors._ball_tree import BallTree32, BallTree64
from sklearn.neighbors._kd_tree import KDTree32, KDTree64
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import BaseDecisionTree, ExtraTreeRegressor
from sklearn.tree._tree import Tree

from mlreg_dagster.extensions.detectors import full_name
from mlreg_dagster.models.artifacts.object_graph import objects_in
from mlreg_dagster.models.artifacts.trees import LARGEST_DEPTH, require_trees
from mlreg_dagster.models.classifier.classifier import CrashClassifier
from mlreg_dagster.models.detectors.ensemble import RankEnsemble
from mlreg_dagster.models.detectors.nearest_neighbors import NeighborDistance
from mlreg_dagster.models.detectors.plugin import PluginDetector, registered
from mlreg_dagster.models.detectors.robust_z_score import RobustZScore

_STEPS = (SimpleImputer, StandardScaler, PCA)
_BALLS, _BOXES = (BallTree64, BallTree32), (KDTree64, KDTree32)
_MEMBERS = (IsolationForest, LocalOutlierFactor, NeighborDistance, RobustZScore)
_DETECTORS = (*_MEMBERS, RankEnsemble, PluginDetector, CrashClassifier)

_LOST_FEATURES = "its trees ask for features that rows don't have"
_LOST_INDEX = "the index of its neighbours leads nowhere"
_PLACE_OF_COUNT = 6  # in the state of an index; it tells its number of nodes nowhere else


def require_sound(pipeline: Pipeline) -> None:
    """Refuse a pipeline of other steps than `detectors.making` gives, or whose numbers lead nowhere.

    Raises:
        ValueError: It is such a one.
    """
    detector = _require_own_steps(pipeline, _DETECTORS)
    if isinstance(detector, RankEnsemble):
        for member in detector.members_:
            _require_own_steps(member, _MEMBERS)
    if isinstance(detector, PluginDetector):
        found = full_name(type(detector.estimator_))
        if found not in registered(detector.name).types:
            raise ValueError(f"its detector is a {found}, which its plug-in does not declare")
    if isinstance(detector, CrashClassifier):
        _require_sound_classifier(detector)
    by_scikit_learn = isinstance(detector, PluginDetector)  # which needs no stack to walk a tree
    _require_sound_parts(list(objects_in(detector)), largest_depth=None if by_scikit_learn else LARGEST_DEPTH)


def _require_own_steps(pipeline: Pipeline, detectors: tuple[type, ...]) -> BaseEstimator:
    *steps, detector = (step for _, step in pipeline.steps)
    if type(detector) not in detectors or any(type(step) not in _STEPS for step in steps):
        found = ", ".join(type(step).__name__ for _, step in pipeline.steps)
        raise ValueError(f"its steps are {found}, not those of a detector")
    return detector


def _require_sound_parts(parts: Sequence[Any], largest_depth: int | None) -> None:
    """Check the trees and indexes among the objects of a detector, then the estimators that hand them rows."""
    if trees := [each for each in parts if isinstance(each, Tree)]:
        _require_sound_trees(trees, largest_depth)
    for each in parts:
        if isinstance(each, (*_BALLS, *_BOXES)):
            _require_sound_index(each)
    for each in parts:
        if isinstance(each, IsolationForest) and hasattr(each, "estimators_"):
            _require_sound_forest(each)
        if isinstance(each, (LocalOutlierFactor, NearestNeighbors)) and getattr(each, "_tree", None) is not None:
            _require_own_rows(each)
        if isinstance(each, BaseDecisionTree) and hasattr(each, "tree_"):
            _require_width([each], each)
        if isinstance(each, (BaseForest, BaseGradientBoosting)) and hasattr(each, "estimators_"):
            _require_width(np.ravel(each.estimators_), each)  # it hands rows to the trees without a look at them


def _require_own_rows(detector: LocalOutlierFactor | NearestNeighbors) -> None:
    if np.shape(detector._tree.data) != detector._fit_X.shape:
        raise ValueError(_LOST_INDEX)


def _require_width(estimators: Iterable[Any], owner: Any) -> None:
    if any(each.tree_.n_features != getattr(owner, "n_features_in_", None) for each in estimators):
        raise ValueError(_LOST_FEATURES)


def _require_sound_trees(trees: Sequence[Tree], largest_depth: int | None) -> None:
    if any(not 0 < tree.node_count <= tree.capacity for tree in trees):  # first: it bounds all that is read below
        raise ValueError("its trees have another number of nodes than they say")
    for tree in trees:
        inner = tree.children_left != -1
        asked = tree.feature[inner]
        if not ((asked >= 0) & (asked < tree.n_features)).all():
            raise ValueError(_LOST_FEATURES)
        if not np.array_equal(inner, tree.children_right != -1):
            raise ValueError("its trees lead nowhere: a node has one child")
    firsts = np.cumsum([0, *(tree.node_count for tree in trees)])
    sides = (
        [np.where(side == -1, -1, side + first) for side, first in zip(sides, firsts, strict=False)]
        for sides in ([tree.children_left for tree in trees], [tree.children_right for tree in trees])
    )
    require_trees(firsts[:-1], *(np.concatenate(side) for side in sides), largest_depth=largest_depth)
    for tree in trees:  # only now it may be walked
        if tree.compute_node_depths().max() - 1 != tree.max_depth:
            raise ValueError("its trees have other depths than they say")


def _require_sound_forest(forest: IsolationForest) -> None:
    """Check what a forest of sound trees asks of them beyond."""
    features = int(forest.n_features_in_)
    if not len(forest.estimators_):
        raise ValueError("its forest has no trees")
    if any(type(each) is not ExtraTreeRegressor for each in forest.estimators_):
        raise ValueError("its forest is not one of trees")
    for each, chosen in zip(forest.estimators_, map(np.asarray, forest.estimators_features_), strict=True):
        tree = each.tree_
        if len(chosen) != tree.n_features or not ((chosen >= 0) & (chosen < features)).all():
            raise ValueError(_LOST_FEATURES)
        inner = tree.children_left != -1
        if not np.isfinite(tree.threshold[inner]).all() or not (tree.n_node_samples > 0).all():
            raise ValueError("its trees have thresholds or counts that are no numbers")


def _require_sound_classifier(detector: CrashClassifier) -> None:
    """Its trees are arrays of its own, walked until every row has come to a leaf."""
    columns, model, calibration = int(detector.n_features_in_), detector.model_, detector.calibration_
    numbers = [np.array([detector.begin_]), *calibration.values()]
    if "weights" in model:
        shapes = [model["weights"].shape == (columns,)]
        numbers.append(model["weights"])
    else:
        left, right, roots, feature = (model[name] for name in ("left", "right", "roots", "feature"))
        if any(each.dtype != np.int64 or each.ndim != 1 for each in (left, right, roots, feature)):
            raise ValueError("its trees are not made of whole numbers")
        if not np.array_equal(left == -1, right == -1):
            raise ValueError("its trees lead nowhere: a node has one child")
        require_trees(roots, left, right)
        if not ((feature >= 0) & (feature < columns)).all():
            raise ValueError(_LOST_FEATURES)
        shapes = [model[name].shape == left.shape for name in ("feature", "split", "value")]
        numbers += [model["split"], model["value"]]
    if "line" in calibration:
        shapes.append(calibration["line"].shape == (2,))
    else:
        margins, corners = calibration["margins"], calibration["probabilities"]
        shapes += [margins.ndim == 1, 0 < margins.size == corners.size, bool((np.diff(margins) > 0).all())]
    if not all(shapes) or not all(each.dtype == np.float64 and np.isfinite(each).all() for each in numbers):
        raise ValueError("its arrays have other shapes than a classifier's, or hold what is no number")


def _require_sound_index(index: Any) -> None:
    """The tree in which neighbours are looked up; node n has the children 2n + 1 and 2n + 2."""
    rows, order, nodes, bounds = (np.asarray(each) for each in index.get_arrays())
    count = len(nodes)
    first, end, leaf = nodes["idx_start"], nodes["idx_end"], nodes["is_leaf"]
    childless = 2 * np.arange(count) + 2 >= count
    weights = index.sample_weight
    sound: list[Any] = [
        np.array_equal(np.sort(order), np.arange(len(rows))),
        count > 0 and ((first >= 0) & (first <= end) & (end <= len(rows))).all(),
        (leaf[childless] == 1).all(),
        bounds.shape == (1 if isinstance(index, _BALLS) else 2, count, rows.shape[1]),
        index.__getstate__()[_PLACE_OF_COUNT] == count,
        weights is None or len(weights) == len(rows),
    ]
    if not all(sound):
        raise ValueError(_LOST_INDEX)
