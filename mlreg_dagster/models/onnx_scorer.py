"""Scoring by a version's ONNX graph, for what runs without scikit-learn; and looking at such a file before it runs.

ONNX Runtime takes a file at its word: it opens the files that a tensor says it lies in, and where a tree asks for a
feature that rows don't have it reads beyond them. So only what `onnx_graph` writes is let through.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mlreg_dagster.errors import MlregError
from mlreg_dagster.models.onnx_graph import FEATURES, IS_ANOMALY, OPERATORS, SCORE

_TREES = "TreeEnsemble"
_TRUSTED_OPERATORS = frozenset(
    {
        *("Abs", "Add", "Cast", "Div", "Gather", "Greater", "Identity", "IsNaN", "MatMul", "Max", "Pow", "Reciprocal"),
        *("ReduceMax", "ReduceMean", "ReduceSumSquare", "Scan", "Sqrt", "Squeeze", "Sub", "TopK", "Where", _TREES),
    }
)
_LARGEST_GRAPH_BYTES = 1 << 30
_QUIET = 4  # errors come as exceptions


class UntrustedGraph(MlregError):
    """An ONNX file that is damaged, or does what no graph of a model needs to; it was not run."""


@dataclass(frozen=True)
class GraphScorer:
    """A graph that is ready to score.

    Attributes:
        version: The version whose graph it is.
        features: Names of its columns, in their order.
        session: Of ONNX Runtime, on one thread.
    """

    version: str
    features: list[str]
    session: onnxruntime.InferenceSession

    def score(self, X: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Score and label of each row; NaN stands for a null.

        Raises:
            UntrustedGraph: The graph can't score rows of so many features.
        """
        if not len(X):  # `Scan` refuses no rows
            return np.empty(0), np.empty(0, dtype=np.bool_)
        try:
            scores, labels = self.session.run([SCORE, IS_ANOMALY], {FEATURES: X})
            if scores.shape != (len(X),) or labels.shape != (len(X),):
                raise ValueError(f"it gives {scores.shape} scores and {labels.shape} labels for {len(X)} rows")
        except Exception as error:  # ONNX Runtime has many exceptions without a common class
            raise UntrustedGraph(
                f"The graph of {self.version} can't score rows of {X.shape[1]} features: {error}"
            ) from error
        return scores, labels


def load(content: bytes, version: str) -> GraphScorer:
    """Look at an ONNX file and make it ready.

    Args:
        content: The file's bytes, whose hash the registry vouches for.
        version: Whose it is, for messages.

    Raises:
        UntrustedGraph: It is no graph of a model, or holds what no such graph needs: other operators, data in other
            files, trees that lead nowhere.
    """
    try:
        _require_harmless(content)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
        features = json.loads(session.get_modelmeta().custom_metadata_map["features"])
    except Exception as error:  # in a file that somebody changed anything may be wrong
        raise UntrustedGraph(
            f"The ONNX graph of {version} can't be used ({error}). It was not run. Restore the file from a copy, or "
            f"score with the pipeline."
        ) from error
    return GraphScorer(version, features, session)


def _require_harmless(content: bytes) -> None:
    if len(content) > _LARGEST_GRAPH_BYTES:
        raise ValueError(f"it has {len(content):,} bytes")
    model = onnx.load_from_string(content)
    graph = model.graph
    if {each.domain: each.version for each in model.opset_import} != OPERATORS or model.functions:
        raise ValueError("it names other operator sets than a model needs, or brings functions")
    for message in _inside(model):
        if isinstance(message, onnx.NodeProto) and (
            message.op_type not in _TRUSTED_OPERATORS or (message.domain != "") != (message.op_type == _TREES)
        ):
            raise ValueError(f"it holds the operator {message.op_type}, which no model needs")
        if isinstance(message, onnx.TensorProto) and (message.external_data or message.data_location):
            raise ValueError(f"the tensor {message.name} is said to lie in another file")
    double, boolean = TensorProto.DOUBLE, TensorProto.BOOL
    found = [(each.name, each.type.tensor_type.elem_type) for each in [*graph.input, *graph.output]]
    if found != [(FEATURES, double), (SCORE, double), (IS_ANOMALY, boolean)]:
        raise ValueError(f"its inputs and outputs are {found}")
    _require_sound_trees(model)


def _inside(message: Any) -> Iterator[Any]:
    """All messages within one of protobuf's, at any depth."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in [value] if hasattr(value, "ListFields") else value:
                yield each
                yield from _inside(each)


def _require_sound_trees(model: onnx.ModelProto) -> None:
    """Every way through a tree leads on to later nodes or to a leaf, by features that rows have."""
    trees = [node for node in _inside(model) if isinstance(node, onnx.NodeProto) and node.op_type == _TREES]
    if not trees:
        return
    del model.graph.value_info[:]  # what the file says of shapes is not to be believed
    onnx.checker.check_model(model)
    shapes = {each.name: each.type.tensor_type.shape.dim for each in onnx.shape_inference.infer_shapes(
        model, check_type=True, strict_mode=True
    ).graph.value_info}  # fmt: skip
    for node in trees:
        columns = shapes[node.input[0]][1].dim_value
        values = {each.name: _values(each) for each in node.attribute}
        splits, leaves, roots = values["nodes_splits"], values["leaf_weights"], values["tree_roots"]
        count = len(splits)
        _require(len(values["nodes_modes"]) == count and not values["nodes_modes"].any())
        _require_between(values["nodes_featureids"], count, 0, columns)
        _require_between(values["leaf_targetids"], len(leaves), 0, 1)
        _require_between(roots, len(roots), 0, count)
        _require(values["n_targets"] == 1)
        for side in ("true", "false"):
            to, leaf = values[f"nodes_{side}nodeids"], values[f"nodes_{side}leafs"]
            _require_between(leaf, count, 0, 2)
            after = np.where(leaf == 1, -1, np.arange(count))
            _require_between(to, count, after + 1, np.where(leaf == 1, len(leaves), count))


def _values(attribute: onnx.AttributeProto) -> NDArray[Any]:
    value = helper.get_attribute_value(attribute)
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def _require_between(values: NDArray[Any], count: int, least: Any, below: Any) -> None:
    _require(values.shape == (count,) and bool(((values >= least) & (values < below)).all()))


def _require(sound: bool) -> None:
    if not sound:
        raise ValueError("its trees lead nowhere, or ask for features that rows don't have")
