"""Scores by a version's ONNX graph, without scikit-learn, and validates such a file before it runs.

ONNX Runtime takes a file at its word: it opens the files that a tensor says it lies in, reads beyond the rows where a
tree asks for a feature that they don't have, and walks whatever leads on. So only what `onnx_graph` writes is let
through. A server scores by it, too: neither scikit-learn nor pandas is needed here.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.artifacts.trees import require_trees
from mlreg_dagster.models.scorers.graph_builder import (
    AT_MOST,
    FEATURES,
    IS_ANOMALY,
    NO_TRANSFORM,
    OPERATORS,
    SCORE,
    SUM,
)

_TREES = "TreeEnsemble"
_TRUSTED_OPERATORS = frozenset(
    {
        *("Abs", "Add", "Cast", "Div", "Gather", "Greater", "Identity", "IsNaN", "MatMul", "Max", "Min", "Pow"),
        *("Reciprocal", "ReduceMax", "ReduceMean", "ReduceSumSquare", "Scan", "Sigmoid", "Sqrt", "Squeeze", "Sub"),
        *("Mul", "TopK", "Unsqueeze", "Where", _TREES),
    }
)
_TRUSTED_MESSAGES = (
    onnx.GraphProto, onnx.NodeProto, onnx.AttributeProto, onnx.TensorProto, onnx.ValueInfoProto, onnx.TypeProto,
    onnx.TypeProto.Tensor, onnx.TensorShapeProto, onnx.TensorShapeProto.Dimension, onnx.OperatorSetIdProto,
    onnx.StringStringEntryProto,
)  # fmt: skip
_OF_TREES = {
    *("n_targets", "aggregate_function", "post_transform", "tree_roots", "nodes_modes", "nodes_splits"),
    *("nodes_featureids", "nodes_truenodeids", "nodes_trueleafs", "nodes_falsenodeids", "nodes_falseleafs"),
    *("leaf_targetids", "leaf_weights"),
}
_LARGEST_GRAPH_BYTES = 1 << 30
_MOST_OPERATORS = 500  # an ensemble of as many members as it may have has some 300, any other detector 30
_LARGEST_TENSOR = 1 << 28  # values
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
            files, trees that lead nowhere or share nodes, more or larger of anything than a model has.
    """
    checked(content, version)
    with refused(version):
        session = open_session(content)
        features = json.loads(session.get_modelmeta().custom_metadata_map["features"])
    return GraphScorer(version, features, session)


def checked(content: bytes, version: str) -> onnx.ModelProto:
    """The graph in an ONNX file that was looked at; see `load`.

    Raises:
        UntrustedGraph: It is no graph of a model, or holds what no such graph needs.
    """
    with refused(version):
        return _harmless(content)


def open_session(content: bytes) -> onnxruntime.InferenceSession:
    """A session on one thread for a graph that was looked at."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=False)


@contextmanager
def refused(version: str) -> Iterator[None]:
    """Turn whatever goes wrong with a version's graph, before it is run, into `UntrustedGraph`."""
    try:
        yield
    except Exception as error:  # in a file that somebody changed anything may be wrong
        raise UntrustedGraph(
            f"The ONNX graph of {version} can't be used ({error}). It was not run. Restore the file from a copy, or "
            f"score with the pipeline."
        ) from error


def _harmless(content: bytes) -> onnx.ModelProto:
    if len(content) > _LARGEST_GRAPH_BYTES:
        raise ValueError(f"it has {len(content):,} bytes")
    model = onnx.load_from_string(content)
    graph = model.graph
    if {each.domain: each.version for each in model.opset_import} != OPERATORS or model.functions:
        raise ValueError("it names other operator sets than a model needs, or brings functions")
    operators = 0
    for message in _inside(model):
        if not isinstance(message, _TRUSTED_MESSAGES):
            raise ValueError(f"it holds a {type(message).__name__}, which no model needs")
        operators += isinstance(message, onnx.NodeProto)
        if operators > _MOST_OPERATORS:
            raise ValueError(f"it holds more than {_MOST_OPERATORS} operators")
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
    shapes = _shapes(model)
    for node in _inside(model):
        if isinstance(node, onnx.NodeProto) and node.op_type == _TREES:
            _require_sound_trees(node, columns=shapes[node.input[0]][1])
    return model


def _shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    """The shape of each value of the graph as far as it is known (0 = not), none of it larger than a model needs."""
    for graph in (model.graph, *(each for each in _inside(model) if isinstance(each, onnx.GraphProto))):
        del graph.value_info[:]  # what the file says of shapes is not to be believed
    onnx.checker.check_model(model)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    shapes = {}
    for each in _inside(inferred):
        if isinstance(each, onnx.ValueInfoProto):
            shapes[each.name] = [dimension.dim_value for dimension in each.type.tensor_type.shape.dim]
        sizes = each.dims if isinstance(each, onnx.TensorProto) else shapes.get(getattr(each, "name", ""), [])
        if math.prod(size for size in sizes if size > 0) > _LARGEST_TENSOR:
            raise ValueError(f"the value {each.name} is larger than a model needs")
    return shapes


def _inside(message: Any) -> Iterator[Any]:
    """All messages within one of protobuf's, at any depth."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in [value] if hasattr(value, "ListFields") else value:
                yield each
                yield from _inside(each)


def _require_sound_trees(node: onnx.NodeProto, columns: int) -> None:
    """Every way through a tree leads on to nodes of its own or to a leaf, by features that rows have."""
    values = {each.name: _values(each) for each in node.attribute}
    _require(values.keys() == _OF_TREES and len(values) == len(node.attribute))
    wanted = {"n_targets": 1, "aggregate_function": SUM, "post_transform": NO_TRANSFORM}
    _require(all(values[name].shape == () and values[name] == value for name, value in wanted.items()))
    splits, leaves, roots = values["nodes_splits"], values["leaf_weights"], values["tree_roots"]
    count = len(splits)
    for numbers in (splits, leaves):
        _require(numbers.dtype == np.float64 and numbers.ndim == 1 and bool(np.isfinite(numbers).all()))
    _require_between(values["nodes_modes"], count, AT_MOST, AT_MOST + 1)
    _require_between(values["nodes_featureids"], count, 0, columns)
    _require_between(values["leaf_targetids"], len(leaves), 0, 1)
    sides = []
    for side in ("true", "false"):
        to, leaf = values[f"nodes_{side}nodeids"], values[f"nodes_{side}leafs"]
        _require_between(leaf, count, 0, 2)
        _require_between(to, count, 0, np.where(leaf == 1, len(leaves), count))
        sides.append(np.where(leaf == 1, -1, to))
    require_trees(roots, *sides)


def _values(attribute: onnx.AttributeProto) -> NDArray[Any]:
    value = helper.get_attribute_value(attribute)
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def _require_between(values: NDArray[Any], count: int, least: Any, below: Any) -> None:
    _require(values.shape == (count,) and bool(((values >= least) & (values < below)).all()))


def _require(sound: bool) -> None:
    if not sound:
        raise ValueError("its trees lead nowhere, or ask for features that rows don't have")
