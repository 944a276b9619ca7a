"""Model files whose numbers lead nowhere are refused when they are loaded, before compiled code follows them."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, IsolationForest
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree._tree import Tree

from mlreg_dagster.extensions import detector, isolated
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import MODELS
from mlreg_dagster.models.artifacts.soundness import require_sound
from mlreg_dagster.models.artifacts.trees import LARGEST_DEPTH, require_trees
from mlreg_dagster.models.artifacts.trust import UntrustedModel, load_pipeline, trusted_types
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores
from mlreg_dagster_tests.models.builders import DETECTORS, settings_of

NOBODY = np.empty(0, dtype=np.int64)


def with_tree(pipeline: Pipeline, change: Callable[[dict[str, Any]], object]) -> Pipeline:
    """The forest with another first tree."""
    pipeline = deepcopy(pipeline)
    first = pipeline[-1].estimators_[0]
    first.tree_ = changed_tree(first.tree_, change)
    return pipeline


def changed_tree(tree: Tree, change: Callable[[dict[str, Any]], object]) -> Tree:
    make, arguments, state = tree.__reduce__()
    state = deepcopy(state)
    change(state)
    changed: Tree = make(*arguments)
    changed.__setstate__(state)
    return changed


def nodes(field: str, value: int, place: int = 0) -> Callable[[dict[str, Any]], object]:
    def change(state: dict[str, Any]) -> None:
        inner = np.flatnonzero(state["nodes"]["left_child"] != -1)
        state["nodes"][field][inner[place]] = value

    return change


def same_child_twice(state: dict[str, Any]) -> None:
    state["nodes"]["right_child"][0] = state["nodes"]["left_child"][0]


def one_child(state: dict[str, Any]) -> None:
    """A node whose right child is the node before the first one; the tree that hung there is left out."""
    for name in ("nodes", "values"):
        state[name] = np.resize(state[name], (2, *state[name].shape[1:]))
    state["node_count"], state["max_depth"] = 2, 1
    state["nodes"]["left_child"], state["nodes"]["right_child"] = [1, -1], [-1, -1]


def chain(state: dict[str, Any]) -> None:
    """A path that is half as long as the tree has nodes."""
    for name in ("nodes", "values"):
        state[name] = np.resize(state[name], (301, *state[name].shape[1:]))
    state["node_count"] = 301
    left, right = state["nodes"]["left_child"], state["nodes"]["right_child"]
    spine = np.arange(0, len(left) - 1, 2)
    left[:], right[:], state["nodes"]["feature"][:] = -1, -1, 0
    state["nodes"]["threshold"][:] = 0.0
    left[spine], right[spine] = spine + 1, spine + 2


FORESTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "child beyond": (nodes("left_child", 1 << 40), "lead nowhere"),
    "child below": (nodes("right_child", -5), "lead nowhere"),
    "circle": (nodes("left_child", 0, place=3), "lead nowhere"),
    "shared node": (same_child_twice, "lead nowhere"),
    "feature beyond": (nodes("feature", 1 << 30), "features that rows don't have"),
    "feature below": (nodes("feature", -7), "features that rows don't have"),
    "threshold": (lambda state: state["nodes"]["threshold"].__setitem__(0, np.nan), "no numbers"),
    "deep": (chain, f"deeper than {LARGEST_DEPTH}"),
    "one child": (one_child, "one child"),
    "no node": (lambda state: state.__setitem__("node_count", 0), "number of nodes"),
    "other depth": (lambda state: state.__setitem__("max_depth", 1 << 40), "other depths"),
}


@pytest.fixture(scope="module")
def forest(model_of):
    return model_of("isolation_forest")


def frozen_with(store: Any, model: Any, pipeline: Any) -> str:
    """As someone might freeze it who can write the registry, too."""
    honest = artifact.save(store, "v1", model)
    files = store.read(MODELS, "v1", honest.sha256)
    return store.freeze(MODELS, "v2", {**files, "pipeline.skops": skops.io.dumps(pipeline)}).sha256


@pytest.mark.parametrize(("change", "said"), FORESTS.values(), ids=list(FORESTS))
def test_a_forest_that_leads_nowhere_is_not_loaded(store, forest, change, said):
    sha256 = frozen_with(store, forest, with_tree(forest.pipeline, change))
    with pytest.raises(UntrustedModel, match=said):
        artifact.load(store, "v2", sha256)


@pytest.mark.parametrize("chosen", [[0, 10**6], [-3], [0] * 50])
def test_a_tree_that_looks_at_columns_that_are_not_there_is_not_loaded(store, forest, chosen):
    pipeline = deepcopy(forest.pipeline)
    pipeline[-1].estimators_features_[0] = np.array(chosen)
    with pytest.raises(UntrustedModel, match="features that rows don't have"):
        artifact.load(store, "v2", frozen_with(store, forest, pipeline))


@pytest.mark.parametrize("step", ["other step", "other detector", "pipeline in it"])
def test_a_pipeline_of_other_steps_is_not_loaded(store, forest, step):
    steps = list(deepcopy(forest.pipeline).steps)
    if step == "other step":
        steps.insert(0, ("more", FunctionTransformer(np.sqrt)))
    elif step == "other detector":
        steps[-1] = ("detector", steps[-1][1].estimators_[0])
    else:
        steps[-1] = ("detector", forest.pipeline)
    with pytest.raises(UntrustedModel, match=r"its steps are|not trusted"):
        artifact.load(store, "v2", frozen_with(store, forest, Pipeline(steps)))


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
@pytest.mark.parametrize("what", ["order", "node", "leaf"])
def test_an_index_of_neighbours_that_leads_nowhere_is_not_loaded(store, world, algorithm, what):
    model = world.train("local_outlier_factor", params={"algorithm": algorithm})
    pipeline = deepcopy(model.pipeline)
    require_sound(pipeline)
    state = list(pipeline[-1]._tree.__getstate__())
    order, found = state[1].copy(), state[2].copy()
    if what == "order":
        order[0] = 1 << 40
    elif what == "node":
        found["idx_end"][0] = 1 << 40
    else:
        found["is_leaf"][-1] = 0
    state[1], state[2] = order, found
    pipeline[-1]._tree.__setstate__(tuple(state))
    with pytest.raises(UntrustedModel, match="index of its neighbours leads nowhere"):
        artifact.load(store, "v2", frozen_with(store, model, pipeline))


@pytest.mark.parametrize("name", ["nearest_neighbors", "ensemble"])
def test_an_index_that_a_detector_holds_deeper_is_looked_at_too(store, world, name):
    model = world.train(name, features=("change_24h_pct", "slog_volume_24h", "change_1h_pct"))
    pipeline = deepcopy(model.pipeline)
    held = pipeline[-1].members_[1][-1] if name == "ensemble" else pipeline[-1]
    state = list(held.index_._tree.__getstate__())
    state[1] = np.append(state[1][:-1], 1 << 40)
    held.index_._tree.__setstate__(tuple(state))
    with pytest.raises(UntrustedModel, match="index of its neighbours leads nowhere"):
        artifact.load(store, "v2", frozen_with(store, model, pipeline))


@pytest.mark.parametrize("name", ["nearest_neighbors", "ensemble"])
def test_a_tree_of_other_rows_than_the_detector_says_is_not_loaded(store, world, name):
    model = world.train(name, features=("change_24h_pct", "slog_volume_24h", "change_1h_pct"))
    pipeline = deepcopy(model.pipeline)
    held = pipeline[-1].members_[1][-1] if name == "ensemble" else pipeline[-1]
    held.index_._fit_X = held.index_._fit_X[:, :2]
    with pytest.raises(UntrustedModel, match="index of its neighbours leads nowhere"):
        artifact.load(store, "v2", frozen_with(store, model, pipeline))


# --- what detectors of plug-ins hold --------------------------------------------------------------------------

INNER: dict[str, Callable[[], Any]] = {
    "forest": lambda: IsolationForest(n_estimators=5, random_state=1),
    "neighbours": lambda: LocalOutlierFactor(novelty=True, algorithm="kd_tree"),
    "density": lambda: KernelDensity(algorithm="ball_tree"),
    "regression": lambda: ExtraTreesRegressor(n_estimators=3, random_state=1),
    "boosting": lambda: GradientBoostingRegressor(n_estimators=3, random_state=1),
}


class Wrapped:
    """A detector that keeps an estimator of scikit-learn where no attribute of its own shows it."""

    def __init__(self, kind: str) -> None:
        self.parts = {"inner": [(INNER[kind](), IsolationForest())]}  # the second one is never fitted

    def fit(self, X: Any) -> None:
        self.inner.fit(X, 2.0 ** np.arange(len(X)))  # such targets make a chain of a tree: it is deep, and sound

    def score(self, X: Any) -> Any:
        return X[:, 0]

    @property
    def inner(self) -> Any:
        return self.parts["inner"][0][0]


@pytest.fixture
def wrapped() -> Iterator[Callable[[str], tuple[Pipeline, Any]]]:
    """A fitted pipeline of a plug-in's detector, and the estimator in it."""

    def fitted(kind: str) -> tuple[Pipeline, Any]:
        rows = np.random.default_rng(5).normal(size=(120, 6))
        pipeline = make_pipeline(settings_of("wrapped", params={"kind": kind})).fit(rows)
        return pipeline, pipeline[-1].estimator_.inner

    with isolated():
        detector("wrapped")(Wrapped)
        yield fitted


@pytest.mark.parametrize("kind", INNER)
def test_what_a_plug_in_trained_is_sound(wrapped, kind):
    require_sound(wrapped(kind)[0])


@pytest.mark.parametrize("kind", ["forest", "regression", "boosting"])
@pytest.mark.parametrize("fault", ["circle at the root", "child beyond", "feature beyond", "one child", "no node"])
def test_a_tree_in_a_detector_of_a_plug_in_that_leads_nowhere_is_refused(wrapped, kind, fault):
    pipeline, inner = wrapped(kind)
    change, complaint = FORESTS.get(fault, (nodes("left_child", 0), "lead nowhere"))
    changed = np.ravel(inner.estimators_)[1]
    changed.tree_ = changed_tree(changed.tree_, change)
    with pytest.raises(ValueError, match=complaint):
        require_sound(pipeline)


@pytest.mark.parametrize("kind", ["regression", "boosting"])
def test_a_forest_of_a_plug_in_that_takes_narrower_rows_than_its_trees_is_refused(wrapped, kind):
    pipeline, inner = wrapped(kind)
    inner.n_features_in_ = 1
    with pytest.raises(ValueError, match="features that rows don't have"):
        require_sound(pipeline)


@pytest.mark.parametrize(("kind", "index"), [("neighbours", "_tree"), ("density", "tree_")])
@pytest.mark.parametrize(("place", "value"), [(1, 1 << 40), (6, 1), (12, [1.0])], ids=["order", "count", "weights"])
def test_an_index_in_a_detector_of_a_plug_in_that_leads_nowhere_is_refused(wrapped, kind, index, place, value):
    pipeline, inner = wrapped(kind)
    state = list(getattr(inner, index).__getstate__())
    state[place] = np.full_like(state[1], value) if place == 1 else np.array(value) if place == 12 else value
    getattr(inner, index).__setstate__(tuple(state))
    with pytest.raises(ValueError, match="index of its neighbours leads nowhere"):
        require_sound(pipeline)


def test_a_file_of_a_plug_in_that_would_be_walked_without_an_end_is_not_loaded(wrapped):
    pipeline, inner = wrapped("forest")
    first = inner.estimators_[0]
    first.tree_ = changed_tree(first.tree_, nodes("left_child", 0))
    content = skops.io.dumps(pipeline)
    with pytest.raises(UntrustedModel, match="lead nowhere"):
        load_pipeline(content, "v1", trusted_types("wrapped", "v1"))


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("params", [{}, {"max_samples": 1}, {"max_features": 0.5}, {"bootstrap": True}])
def test_what_was_trained_is_sound(name, params):
    if params and name != "isolation_forest":
        pytest.skip("parameters of the forest")
    rows = np.random.default_rng(5).normal(size=(300, 6))
    rows[:, 0] = 1.0
    pipeline = make_pipeline(settings_of(name, params=params)).fit(rows)
    require_sound(pipeline)
    assert len(anomaly_scores(pipeline, rows)) == 300


def test_trees_as_deep_as_allowed_and_one_deeper():
    def path(turns: int) -> tuple[Any, ...]:
        spine = np.arange(turns)
        return np.array([0]), np.append(np.where(spine < turns - 1, spine + 1, -1), NOBODY), np.full(turns, -1)

    require_trees(*path(LARGEST_DEPTH))
    with pytest.raises(ValueError, match="deeper"):
        require_trees(*path(LARGEST_DEPTH + 2))
