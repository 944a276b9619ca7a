"""ONNX files that are not what they seem: refused before ONNX Runtime has them."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import MODELS
from mlreg_dagster.models.detectors.names import SCORERS
from mlreg_dagster.models.scorers import onnx_scorer
from mlreg_dagster.models.scorers.onnx_scorer import UntrustedGraph
from mlreg_dagster.storage.artifacts import ArtifactTampered

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


def shared_nodes(model: onnx.ModelProto) -> None:
    """Both ways of a node lead to the same one: of n such nodes there are 2 to the power of n paths."""
    trees = trees_of(model)
    place = next(n for n, leaf in enumerate(trees["nodes_trueleafs"].ints) if not leaf)
    trees["nodes_falseleafs"].ints[place] = 0
    trees["nodes_falsenodeids"].ints[place] = trees["nodes_truenodeids"].ints[place]


def one_long_path(model: onnx.ModelProto) -> None:
    trees, length = trees_of(model), 300
    last = [number == length - 1 for number in range(length)]
    for name, values in {
        "tree_roots": [0],
        "nodes_featureids": [0] * length,
        "nodes_truenodeids": [0] * length,
        "nodes_trueleafs": [1] * length,
        "nodes_falsenodeids": [0 if end else number + 1 for number, end in enumerate(last)],
        "nodes_falseleafs": [int(end) for end in last],
    }.items():
        trees[name].ints[:] = values
    trees["nodes_splits"].t.CopyFrom(numpy_helper.from_array(np.zeros(length)))
    trees["nodes_modes"].t.CopyFrom(numpy_helper.from_array(np.zeros(length, dtype=np.uint8)))


def _more(**attributes: object) -> Change:
    def change(model: onnx.ModelProto) -> None:
        (node,) = (node for node in model.graph.node if node.op_type == "TreeEnsemble")
        for name, value in attributes.items():
            kept = [each for each in node.attribute if each.name != name]
            del node.attribute[:]
            node.attribute.extend([*kept, helper.make_attribute(name, value)])

    change.__name__ = "_".join(attributes)
    return change


def single_splits(model: onnx.ModelProto) -> None:
    trees = trees_of(model)
    for name in ("nodes_splits", "leaf_weights"):
        values = numpy_helper.to_array(trees[name].t).astype(np.float32)
        trees[name].t.CopyFrom(numpy_helper.from_array(values))


def no_number(model: onnx.ModelProto) -> None:
    trees = trees_of(model)
    values = numpy_helper.to_array(trees["nodes_splits"].t).copy()
    values[0] = np.nan
    trees["nodes_splits"].t.CopyFrom(numpy_helper.from_array(values))


def sparse(model: onnx.ModelProto) -> None:
    values = helper.make_tensor("big", TensorProto.DOUBLE, [1], [1.0])
    places = helper.make_tensor("places", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [1 << 40]))


def too_many_operators(model: onnx.ModelProto) -> None:
    for number in range(600):
        model.graph.node.append(helper.make_node("Identity", ["features"], [f"more{number}"]))


def table_out_of_two_columns(model: onnx.ModelProto) -> None:
    """Two small constants whose sum is a table of gigabytes."""
    for name, shape in (("tall", (60_000, 1)), ("wide", (1, 60_000))):
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(shape), name))
    model.graph.node.append(helper.make_node("Add", ["tall", "wide"], ["table"]))


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
    (too_few_nodes, "nodes_truenodeids|lead nowhere"),
    (shared_nodes, "lead nowhere"),
    (one_long_path, "deeper than 64"),
    (_more(nodes_missing_value_tracks_true=[1]), "nodes_missing_value_tracks_true"),
    (_more(nodes_hitrates=numpy_helper.from_array(np.zeros(1))), "nodes_hitrates"),
    (_more(aggregate_function=99), "lead nowhere"),
    (_more(post_transform=99), "lead nowhere"),
    (_more(n_targets=1 << 40), "ShapeInferenceError"),
    (single_splits, "nodes_splits"),
    (no_number, "lead nowhere"),
    (sparse, "SparseTensorProto, which no model needs"),
    (too_many_operators, "more than 500 operators"),
    (table_out_of_two_columns, "larger than a model needs"),
]


@pytest.mark.parametrize(("change", "message"), EVIL, ids=[change.__name__ for change, _ in EVIL])
def test_a_registered_graph_that_no_model_needs_never_reaches_the_runtime(store, model, change, message, monkeypatch):
    artifact.save(store, "v1", model)
    files = store.read(MODELS, "v1")
    frozen = store.freeze(MODELS, "v2", files | {"model.onnx": changed(files["model.onnx"], change)})
    loaded = artifact.load(store, "v2", frozen.sha256)
    monkeypatch.delattr(onnxruntime, "InferenceSession")  # running it fails
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
    detector=st.sampled_from(list(SCORERS)), place=st.floats(0, 1, exclude_max=True), new=st.binary(max_size=6),
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
