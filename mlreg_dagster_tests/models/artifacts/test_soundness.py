"""Model files whose numbers lead nowhere are refused when they are loaded, before compiled code follows them."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree._tree import Tree

from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import MODELS
from mlreg_dagster.models.artifacts.soundness import LARGEST_DEPTH, require_sound, require_trees
from mlreg_dagster.models.artifacts.trust import UntrustedModel
from mlreg_dagster.models.detectors import anomaly_scores, make_pipeline
from mlreg_dagster_tests.models.builders import DETECTORS, settings_of

NOBODY = np.empty(0, dtype=np.int64)


def with_tree(pipeline: Pipeline, change: Callable[[dict[str, Any]], object]) -> Pipeline:
    """The forest with another first tree."""
    pipeline = deepcopy(pipeline)
    tree = pipeline[-1].estimators_[0].tree_
    make, arguments, state = tree.__reduce__()
    state = deepcopy(state)
    change(state)
    changed: Tree = make(*arguments)
    changed.__setstate__(state)
    pipeline[-1].estimators_[0].tree_ = changed
    return pipeline


def nodes(field: str, value: int, place: int = 0) -> Callable[[dict[str, Any]], object]:
    def change(state: dict[str, Any]) -> None:
        inner = np.flatnonzero(state["nodes"]["left_child"] != -1)
        state["nodes"][field][inner[place]] = value

    return change


def same_child_twice(state: dict[str, Any]) -> None:
    state["nodes"]["right_child"][0] = state["nodes"]["left_child"][0]


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


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("params", [{}, {"max_samples": 1}, {"max_features": 0.5}, {"bootstrap": True}])
def test_what_was_trained_is_sound(detector, params):
    if params and detector != "isolation_forest":
        pytest.skip("parameters of the forest")
    rows = np.random.default_rng(5).normal(size=(300, 6))
    rows[:, 0] = 1.0
    pipeline = make_pipeline(settings_of(detector, params=params)).fit(rows)
    require_sound(pipeline)
    assert len(anomaly_scores(pipeline, rows)) == 300


def test_trees_as_deep_as_allowed_and_one_deeper():
    def path(turns: int) -> tuple[Any, ...]:
        spine = np.arange(turns)
        return np.array([0]), np.append(np.where(spine < turns - 1, spine + 1, -1), NOBODY), np.full(turns, -1)

    require_trees(*path(LARGEST_DEPTH))
    with pytest.raises(ValueError, match="deeper"):
        require_trees(*path(LARGEST_DEPTH + 2))
