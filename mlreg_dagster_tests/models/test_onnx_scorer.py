"""ONNX files that are not what they seem: refused before ONNX Runtime has them."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from mlreg_dagster.models import artifact, onnx_scorer
from mlreg_dagster.models.artifact import MODELS
from mlreg_dagster.models.onnx_scorer import UntrustedGraph
from mlreg_dagster.storage.artifacts import ArtifactTampered
from mlreg_dagster_tests.models.builders import DETECTORS

Change = Callable[[onnx.ModelProto], object]


@pytest.fixture(scope="module")
def model(model_of):
    return model_of("isolation_forest")


def changed(content: bytes, change: Change) -> bytes:
    model = onnx.load_from_string(content)
    change(model)
    return model.SerializeToString()


def trees_of(model: onnx.ModelProto) -> dict[str, onnx.AttributeProto]:
    (node,) = (node for node in model.graph.node if node.op_type == "TreeEnsemble")
    return {attribute.name: attribute for attribute in node.attribute}


def in_another_file(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret")


def splits_in_another_file(model: onnx.ModelProto) -> None:
    tensor = trees_of(model)["nodes_splits"].t
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def other_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "Loop"


def own_domain(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "evil"


def own_operators(model: onnx.ModelProto) -> None:
    model.opset_import.add(domain="evil", version=1)


def functions(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    model.functions.append(helper.make_function("", "IsNaN", ["x"], ["y"], [node], [helper.make_opsetid("", 21)]))


def other_outputs(model: onnx.ModelProto) -> None:
    del model.graph.output[1]


def unknown_feature(model: onnx.ModelProto) -> None:
    trees_of(model)["nodes_featureids"].ints[5] = 1_000_000


def believed_shapes(model: onnx.ModelProto) -> None:
    unknown_feature(model)
    for node in model.graph.node:
        model.graph.value_info.append(helper.make_tensor_value_info(node.output[0], TensorProto.DOUBLE, [1, 2_000_000]))


def circle(model: onnx.ModelProto) -> None:
    trees = trees_of(model)
    trees["nodes_truenodeids"].ints[3], trees["nodes_trueleafs"].ints[3] = 0, 0


def nowhere(model: onnx.ModelProto) -> None:
    trees_of(model)["nodes_falsenodeids"].ints[3] = -7


def no_such_leaf(model: onnx.ModelProto) -> None:
    trees = trees_of(model)
    trees["nodes_truenodeids"].ints[3], trees["nodes_trueleafs"].ints[3] = 1 << 40, 1


def no_such_root(model: onnx.ModelProto) -> None:
    trees_of(model)["tree_roots"].ints[0] = 1 << 40


def too_few_nodes(model: onnx.ModelProto) -> None:
    del trees_of(model)["nodes_truenodeids"].ints[-1]


def unnamed_features(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


EVIL: list[tuple[Change, str]] = [
    (in_another_file, "said to lie in another file"),
    (splits_in_another_file, "said to lie in another file"),
    (other_operator, "operator Loop, which no model needs"),
    (own_domain, "operator IsNaN, which no model needs"),
    (own_operators, "other operator sets"),
    (functions, "brings functions"),
    (other_outputs, "its inputs and outputs are"),
    (unknown_feature, "features that rows don't have"),
    (believed_shapes, "features that rows don't have"),
    (circle, "lead nowhere"),
    (nowhere, "lead nowhere"),
    (no_such_leaf, "lead nowhere"),
    (no_such_root, "lead nowhere"),
    (too_few_nodes, "nodes_truenodeids"),
]


@pytest.mark.parametrize(("change", "message"), EVIL, ids=[change.__name__ for change, _ in EVIL])
def test_a_registered_graph_that_no_model_needs_never_reaches_the_runtime(store, model, change, message, monkeypatch):
    artifact.save(store, "v1", model)
    files = store.read(MODELS, "v1")
    frozen = store.freeze(MODELS, "v2", files | {"model.onnx": changed(files["model.onnx"], change)})
    loaded = artifact.load(store, "v2", frozen.sha256)
    monkeypatch.delattr(onnxruntime, "InferenceSession")  # whoever runs it stumbles
    with pytest.raises(UntrustedGraph, match=rf"(?s)The ONNX graph of v1 can't be used \(.*{message}.*It was not run"):
        loaded.graph_scorer()


def test_an_exchanged_graph_is_found_before_it_is_parsed(store, tmp_path, model, monkeypatch):
    frozen = artifact.save(store, "v1", model)
    path = tmp_path / "artifacts" / MODELS / "v1" / "model.onnx"
    path.write_bytes(changed(path.read_bytes(), in_another_file))
    monkeypatch.delattr(onnx, "load_from_string")
    with pytest.raises(ArtifactTampered, match=r"model\.onnx"):
        artifact.load(store, "v1", frozen.sha256)


def test_features_must_be_named(model):
    with pytest.raises(UntrustedGraph, match="'features'"):
        onnx_scorer.load(changed(model.graph, unnamed_features), "v1")


@pytest.mark.parametrize("content", [b"", b"no graph", b"PK\x03\x04", b"\xff" * 100])
def test_what_is_no_graph_is_refused(content):
    with pytest.raises(UntrustedGraph, match="The ONNX graph of v3 can't be used"):
        onnx_scorer.load(content, "v3")


def test_rows_of_another_width_are_refused(model):
    with pytest.raises(UntrustedGraph, match="The graph of v1 can't score rows of 3 features"):
        model.graph_scorer().score(np.zeros((2, 3)))


@settings(max_examples=60, deadline=None)
@given(
    detector=st.sampled_from(DETECTORS), place=st.floats(0, 1, exclude_max=True), new=st.binary(max_size=6),
    removed=st.integers(0, 6),
)  # fmt: skip
def test_a_damaged_graph_is_refused_or_scores(model_of, world, detector, place, new, removed):
    model = model_of(detector)
    start = int(place * len(model.graph))
    content = model.graph[:start] + new + model.graph[start + removed :]
    rows = world.holdout.rows[model.features].to_numpy(dtype=np.float64)[:20]
    try:
        scores, labels = onnx_scorer.load(content, "v1").score(rows)
    except UntrustedGraph:
        return
    assert scores.dtype == np.float64
    assert labels.dtype == np.bool_
