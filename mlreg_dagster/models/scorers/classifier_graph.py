"""The score of the crash classifier, as part of an ONNX graph; other detectors are in `detector_graphs`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from mlreg_dagster.models.classifier.calibration import TIE_BREAK
from mlreg_dagster.models.classifier.classifier import CrashClassifier
from mlreg_dagster.models.classifier.trees import Trees
from mlreg_dagster.models.scorers.graph_builder import AT_MOST, NO_TRANSFORM, SUM, Graph


def classifier_score(graph: Graph, rows: str, detector: CrashClassifier) -> str:
    """The probability of a crash after each row, in %."""
    if "weights" in detector.model_:
        column = graph.node("MatMul", rows, graph.constant(detector.model_["weights"][:, np.newaxis]))
    else:
        column = graph.node("TreeEnsemble", rows, domain="ai.onnx.ml", **_trees(detector.model_))
    summed = graph.node("Squeeze", column, graph.integers([-1]))
    margins = graph.node("Add", summed, graph.constant(detector.begin_))
    return graph.node("Mul", _probability(graph, margins, detector.calibration_), graph.constant(100.0))


def _probability(graph: Graph, margins: str, calibration: dict[str, NDArray[np.float64]]) -> str:
    if "line" in calibration:
        slope, intercept = calibration["line"]
        scaled = graph.node("Mul", margins, graph.constant(slope))
        return graph.node("Sigmoid", graph.node("Add", scaled, graph.constant(intercept)))
    plain = graph.node("Mul", graph.node("Sigmoid", margins), graph.constant(TIE_BREAK))
    stepped = _between_corners(graph, margins, calibration["margins"], calibration["probabilities"])
    return graph.node("Add", graph.node("Mul", stepped, graph.constant(1 - TIE_BREAK)), plain)


def _between_corners(graph: Graph, margins: str, at: NDArray[np.float64], values: NDArray[np.float64]) -> str:
    """The line through the corners, flat beyond them: of each of its rises the part that lies below."""
    if len(at) == 1:
        return graph.constant(values)
    column = graph.node("Unsqueeze", margins, graph.integers([-1]))
    parts = graph.node("Div", graph.node("Sub", column, graph.constant(at[:-1])), graph.constant(np.diff(at)))
    covered = graph.node("Min", graph.node("Max", parts, graph.constant(0.0)), graph.constant(1.0))
    risen = graph.node("MatMul", covered, graph.constant(np.diff(values)[:, np.newaxis]))
    return graph.node("Add", graph.node("Squeeze", risen, graph.integers([-1])), graph.constant(values[0]))


def _trees(trees: Trees) -> dict[str, Any]:
    """Inner nodes and leaves, each numbered by itself; a tree that is one leaf gets a node with that leaf both ways."""
    single = trees["roots"][trees["left"][trees["roots"]] == -1]
    inner = trees["left"] != -1
    is_node = inner.copy()
    is_node[single] = True
    node, leaf = np.cumsum(is_node) - 1, np.cumsum(~inner) - 1
    places = np.arange(len(inner))
    sides = {}
    for name, side in (("true", "left"), ("false", "right")):
        child = np.where(inner, trees[side], places)[is_node]
        sides[f"nodes_{name}nodeids"] = np.where(inner[child], node[child], leaf[child]).tolist()
        sides[f"nodes_{name}leafs"] = (~inner[child]).astype(np.int64).tolist()
    return {
        "n_targets": 1,
        "aggregate_function": SUM,
        "post_transform": NO_TRANSFORM,
        "tree_roots": node[trees["roots"]].tolist(),
        "nodes_modes": numpy_helper.from_array(np.full(int(is_node.sum()), AT_MOST, dtype=np.uint8)),
        "nodes_splits": numpy_helper.from_array(trees["split"][is_node]),
        "nodes_featureids": trees["feature"][is_node].tolist(),
        **sides,
        "leaf_targetids": [0] * int((~inner).sum()),
        "leaf_weights": numpy_helper.from_array(trees["value"][~inner]),
    }
