"""Smaller variants of a fitted pipeline: changes to what it has learned, without another fit.

Which changes a kind of detector admits is decided here and nowhere else. What a change costs is in `comparing`; how a
variant becomes a version is in `making`. Loaded pipelines are shared, so that nothing of one is ever changed in place.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.pipeline import Pipeline

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.classifier.classifier import CrashClassifier
from mlreg_dagster.models.detectors.ensemble import RankEnsemble, anchored
from mlreg_dagster.models.detectors.nearest_neighbors import NeighborDistance
from mlreg_dagster.models.detectors.robust_z_score import RobustZScore
from mlreg_dagster.models.detectors.scoring import own_space
from mlreg_dagster.models.scorers.walk import not_above

Matrix = NDArray[np.float64]
Change = Callable[[Any], Any]

HALF, QUARTER, FLOAT32, QUANTISED = "half_trees", "quarter_trees", "float32", "quantised"

CHANGES: Mapping[str, str] = {
    HALF: "the first half of its trees",
    QUARTER: "the first quarter of its trees",
    FLOAT32: "its learned numbers rounded to 32 bit",
    QUANTISED: "its thresholds rounded to 256 values a feature",
}
"""Every change, and what it leaves of a model."""

_LEVELS = 256
_OF_EACH_TREE = ("estimators_", "estimators_features_", "_average_path_length_per_tree", "_decision_path_lengths")
_NO_TREES = "it has no trees"


class NotForThisKind(MlregError):
    """A change that a kind of detector does not admit; the message says why."""


class UnknownChange(MlregError):
    """A change that there is not."""


def changed(pipeline: Pipeline, change: str, rows: Matrix) -> Pipeline:
    """A pipeline after a change.

    Args:
        pipeline: Fitted; it stays as it is.
        change: One of `CHANGES`.
        rows: Those that it was fitted to. An ensemble ranks the scores of its members among those of these rows, so
            where members change, these ranks are looked up again.

    Raises:
        UnknownChange: There is no such change.
        NotForThisKind: The detector does not admit it.
    """
    require_admitted(pipeline, change)
    detector = pipeline[-1]
    if isinstance(detector, RankEnsemble):
        return _ending_with(pipeline, _ensemble(detector, change, own_space(pipeline, rows)))
    return _ending_with(pipeline, _one(detector, change))


def require_admitted(pipeline: Pipeline, change: str) -> None:
    """Refuse a change that a detector does not admit, before anything is made.

    Raises:
        UnknownChange: There is no such change.
        NotForThisKind: The detector, or each member of an ensemble, does not admit it.
    """
    if change not in CHANGES:
        raise UnknownChange(f"There is no change {change!r}. Choose one of {', '.join(CHANGES)}.")
    detector = pipeline[-1]
    parts = [each[-1] for each in detector.members_] if isinstance(detector, RankEnsemble) else [detector]
    reasons = [found for part in parts if isinstance(found := _change_of(part, change), str)]
    if len(reasons) == len(parts):
        said = "; ".join(dict.fromkeys(reasons))
        raise NotForThisKind(said if len(parts) == 1 else f"none of its members admits it ({said})")


def _ending_with(pipeline: Pipeline, detector: Any) -> Pipeline:
    return Pipeline([*pipeline.steps[:-1], (pipeline.steps[-1][0], detector)])


def _change_of(detector: Any, change: str) -> Change | str:
    """What makes the change, or why there is none."""
    admitted = _ADMITTED.get(type(detector))
    return "a plug-in's detector is the plug-in's affair" if admitted is None else admitted.get(change, _NO_TREES)


def _one(detector: Any, change: str) -> Any:
    found = _change_of(detector, change)
    return detector if isinstance(found, str) else found(detector)


def _ensemble(ensemble: RankEnsemble, change: str, rows: Matrix) -> RankEnsemble:
    """Change the members that admit it."""
    members = [_ending_with(each, _one(each[-1], change)) for each in ensemble.members_]
    return anchored(_with(ensemble, members_=members), rows)


def _with(estimator: Any, **values: Any) -> Any:
    found = copy.copy(estimator)
    found.__dict__.update(values)
    return found


def _fewer(share: float) -> Change:
    """The trees of a forest are grown each by itself, so that the first ones are a forest, too."""

    def change(forest: IsolationForest) -> IsolationForest:
        count = max(1, int(len(forest.estimators_) * share))
        if count == len(forest.estimators_):
            raise NotForThisKind("its forest has a single tree")
        kept = {name: getattr(forest, name)[:count] for name in _OF_EACH_TREE if hasattr(forest, name)}
        kept["estimators_"] = [copy.copy(each) for each in kept["estimators_"]]  # what is kept of a forest goes by them
        return _with(forest, n_estimators=count, **kept)

    return change


def _forest_in_32_bit(forest: IsolationForest) -> IsolationForest:
    """Rows are compared as 32-bit floats, so that thresholds in 32 bit, rounded down, lead each row the same way."""
    return _with_thresholds(forest, lambda thresholds, _: not_above(thresholds).astype(np.float64))


def _quantised_forest(forest: IsolationForest) -> IsolationForest:
    """Every threshold becomes the nearest of 256 quantiles of those of its feature, in 32 bit."""
    known = [(tree.tree_.threshold, _features_of(tree, own)) for tree, own in _trees(forest)]
    thresholds, features = (np.concatenate([each[part] for each in known]) for part in (0, 1))
    levels = {
        feature: np.unique(not_above(_quantiles(thresholds[features == feature]))).astype(np.float64)
        for feature in np.unique(features[features >= 0]).tolist()
    }

    def nearest(thresholds: Matrix, features: NDArray[np.intp]) -> Matrix:
        found = thresholds.copy()
        for feature, values in levels.items():
            here = features == feature
            found[here] = values[np.abs(thresholds[here][:, np.newaxis] - values).argmin(axis=1)]
        return found

    return _with_thresholds(forest, nearest)


def _quantiles(values: Matrix) -> Matrix:
    return np.quantile(values, np.linspace(0, 1, _LEVELS), method="inverted_cdf")


def _trees(forest: IsolationForest) -> list[tuple[Any, NDArray[np.intp]]]:
    return list(zip(forest.estimators_, map(np.asarray, forest.estimators_features_), strict=True))


def _features_of(tree: Any, own: NDArray[np.intp]) -> NDArray[np.intp]:
    """The column of each node's threshold; -1 in leaves."""
    inner = tree.tree_.children_left >= 0
    return np.where(inner, own[np.where(inner, tree.tree_.feature, 0)], -1)


def _with_thresholds(forest: IsolationForest, rounded: Callable[[Matrix, NDArray[np.intp]], Matrix]) -> IsolationForest:
    """Other thresholds; what trees know of their growth, which scores no row, is rounded to 32 bit."""
    trees = []
    for tree, own in _trees(forest):
        make, arguments, state = tree.tree_.__reduce__()
        features = _features_of(tree, own)
        nodes = state["nodes"].copy()
        nodes["threshold"] = np.where(features >= 0, rounded(nodes["threshold"], features), nodes["threshold"])
        nodes["impurity"] = _in_32_bit(nodes["impurity"])
        made = make(*arguments)
        made.__setstate__({**state, "nodes": nodes, "values": _in_32_bit(state["values"])})
        trees.append(_with(tree, tree_=made))
    return _with(forest, estimators_=trees)


def _in_32_bit(values: Any) -> Matrix:
    """The nearest 32-bit floats, still in 64 bit: half of their bits are 0, which a file does not keep."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def _neighbours_in_32_bit(detector: LocalOutlierFactor | NearestNeighbors) -> Any:
    """The known rows are rounded, and their index is made of these; what was measured between them stays."""
    rows = _in_32_bit(detector._fit_X)
    kept: dict[str, Any] = {"_fit_X": rows}
    if detector._tree is not None:
        metric = {"metric": detector.effective_metric_, **detector.effective_metric_params_}
        kept["_tree"] = type(detector._tree)(rows, detector.leaf_size, **metric)
    for name in ("_distances_fit_X_", "_lrd"):
        if hasattr(detector, name):
            kept[name] = _in_32_bit(getattr(detector, name))
    return _with(detector, **kept)


def _distance_in_32_bit(detector: NeighborDistance) -> NeighborDistance:
    return _with(detector, index_=_neighbours_in_32_bit(detector.index_))  # type: ignore[no-any-return]


def _z_score_in_32_bit(detector: RobustZScore) -> RobustZScore:
    return _with(detector, median_=_in_32_bit(detector.median_), scale_=_in_32_bit(detector.scale_))  # type: ignore[no-any-return]


def _classifier_in_32_bit(detector: CrashClassifier) -> CrashClassifier:
    model = {
        name: _in_32_bit(values) if values.dtype == np.float64 else values for name, values in detector.model_.items()
    }
    return _with(detector, model_=model)  # type: ignore[no-any-return]


_WHOLE = "its calibration was learned from all it has"
_CUT = "it has no trees, or trees that are cut at 255 values a feature already"
_ADMITTED: Mapping[type, Mapping[str, Change | str]] = {
    IsolationForest: {
        HALF: _fewer(1 / 2), QUARTER: _fewer(1 / 4), FLOAT32: _forest_in_32_bit, QUANTISED: _quantised_forest,
    },
    LocalOutlierFactor: {FLOAT32: _neighbours_in_32_bit},
    NeighborDistance: {FLOAT32: _distance_in_32_bit},
    RobustZScore: {FLOAT32: _z_score_in_32_bit},
    CrashClassifier: {HALF: _WHOLE, QUARTER: _WHOLE, FLOAT32: _classifier_in_32_bit, QUANTISED: _CUT},
}  # fmt: skip
"""By type of detector: what does a change, or why there is none."""
