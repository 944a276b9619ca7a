"""A fitted pipeline as one ONNX graph: scores and labels for programs that know neither Python nor this project.

In: `features`, rows x features in 64 bit, NaN where a value is null. Out: `score` and `is_anomaly` of each row. The
names of the features, in their order, and of the version stand in the file's metadata. All is computed in 64 bit but
the one rounding to 32 that scikit-learn's forests do themselves, so that rows end in the same leaves.

`is_anomaly` is the label by the frozen threshold, that of the training rows: a graph sees no trailing days for the flag
policy of a version to look back on.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.base import BaseEstimator
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.detectors import RobustZScore
from mlreg_dagster.models.scorers.forest_walk import path_lengths, usual_length

FEATURES, SCORE, IS_ANOMALY = "features", "score", "is_anomaly"
OPERATORS = {"": 21, "ai.onnx.ml": 5}
"""The two operator sets of every graph, and their versions."""

_FORMAT = 10
SUM, NO_TRANSFORM, AT_MOST = 1, 0, 0  # codes of TreeEnsemble
_NEVER_INFINITE = 1e-10  # what scikit-learn adds to the mean distance of a row among its duplicates


class NotPortable(MlregError):
    """A model of which there is no graph that labels alike."""


class _Graph:
    """Nodes and constants, in the order in which they are added; a value goes by the name that is returned for it."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: Any) -> str:
        return self._keep(np.asarray(value, dtype=np.float64))

    def integers(self, value: list[int]) -> str:
        return self._keep(np.asarray(value, dtype=np.int64))

    def _keep(self, values: NDArray[Any]) -> str:
        name = f"{self.prefix}constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def node(self, operator: str, *inputs: str, name: str = "", domain: str = "", **attributes: Any) -> str:
        name = name or f"{self.prefix}{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], domain=domain, **attributes))
        return name

    def nearest(self, distances: str, count: int) -> tuple[str, str]:
        """The smallest distances, in their order, and where they stand."""
        names = f"{self.prefix}nearest{len(self.nodes)}", f"{self.prefix}places{len(self.nodes)}"
        self.nodes.append(helper.make_node("TopK", [distances, self.integers([count])], names, largest=0))
        return names


def export(pipeline: Pipeline, threshold: float, features: list[str], version: str) -> bytes:
    """The graph of a fitted pipeline.

    Args:
        pipeline: As `detectors.make_pipeline` makes them, fitted.
        threshold: Rows that score above it are anomalies.
        features: Names of the pipeline's columns.
        version: Name of the version.

    Raises:
        NotPortable: A detector, or a metric of it, that has no graph here.
    """
    detector = pipeline[-1]
    if type(detector) not in {IsolationForest, *_SCORES}:
        name = getattr(detector, "name", type(detector).__name__)
        raise NotPortable(f"There is no graph for a {name}.")
    graph = _Graph()
    rows = _own_space(graph, pipeline)
    if isinstance(detector, IsolationForest):
        lengths, score = _forest(graph, rows, detector)
        # by the lengths, which are exact: NumPy and ONNX Runtime round the power differently on some processors
        longest = shortest_normal_length(threshold, usual_length(detector) or 1.0)
        graph.node("Greater", graph.constant(longest), lengths, name=IS_ANOMALY)
    else:
        score = _SCORES[type(detector)](graph, rows, detector)
        graph.node("Greater", score, graph.constant(threshold), name=IS_ANOMALY)
    graph.node("Identity", score, name=SCORE)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            version,
            [helper.make_tensor_value_info(FEATURES, TensorProto.DOUBLE, ["rows", len(features)])],
            [
                helper.make_tensor_value_info(SCORE, TensorProto.DOUBLE, ["rows"]),
                helper.make_tensor_value_info(IS_ANOMALY, TensorProto.BOOL, ["rows"]),
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid(domain, number) for domain, number in OPERATORS.items()],
        ir_version=_FORMAT,
        producer_name="mlreg_dagster",
    )
    helper.set_model_props(model, {"version": version, "features": json.dumps(features)})
    return bytes(model.SerializeToString())


def _own_space(graph: _Graph, pipeline: Pipeline) -> str:
    """Rows as the detector sees them: each step of the pipeline in the order in which scikit-learn does it."""
    steps = pipeline.named_steps
    known = graph.node("Where", graph.node("IsNaN", FEATURES), graph.constant(steps["impute"].statistics_), FEATURES)
    centred = graph.node("Sub", known, graph.constant(steps["scale"].mean_))
    rows = graph.node("Div", centred, graph.constant(steps["scale"].scale_))
    if "whiten" not in steps:
        return rows
    whiten = steps["whiten"]
    deviations = np.maximum(np.sqrt(whiten.explained_variance_), np.finfo(np.float64).eps)
    turned = graph.node("MatMul", rows, graph.constant(whiten.components_.T))
    centred = graph.node("Sub", turned, graph.constant(whiten.mean_ @ whiten.components_.T))
    return graph.node("Div", centred, graph.constant(deviations))


def shortest_normal_length(threshold: float, usual: float) -> float:
    """The smallest mean path length whose score does not exceed a threshold; shorter ones are anomalies.

    Args:
        threshold: Of the scores.
        usual: The path length whose score is one half.
    """
    low, high = 0, int(np.float64(usual * 1100).view(np.int64))  # a score of 2 to the power of -1100 is 0
    while low < high:  # floats that are not negative are in the order of their bits
        middle = (low + high) // 2
        length = np.array([middle], dtype=np.int64).view(np.float64)
        if (2.0 ** -(length / usual))[0] <= threshold:  # as the walk computes it
            high = middle
        else:
            low = middle + 1
    return float(np.int64(low).view(np.float64))


def _forest(graph: _Graph, rows: str, forest: IsolationForest) -> tuple[str, str]:
    """The mean path length of each row, and its score."""
    single = graph.node("Cast", graph.node("Cast", rows, to=TensorProto.FLOAT), to=TensorProto.DOUBLE)
    lengths = graph.node("TreeEnsemble", single, domain="ai.onnx.ml", **_trees(forest))
    usual = usual_length(forest) or 1.0
    one_column = graph.node("Squeeze", lengths, graph.integers([-1]))
    relative = graph.node("Div", one_column, graph.constant(-usual))
    return one_column, graph.node("Pow", graph.constant(2.0), relative)


def _trees(forest: IsolationForest) -> dict[str, Any]:
    """Inner nodes tree after tree; leaves of one path length are one leaf, which keeps the file small."""
    lengths = np.concatenate([path_lengths(each.tree_) for each in forest.estimators_])
    if not usual_length(forest):  # trees of a single row: scikit-learn says one half of any row
        lengths[:] = 1 / len(lengths)
    weights, leaf = np.unique(lengths, return_inverse=True)
    parts, roots, first_node = [], [0], 0
    for each, features in zip(forest.estimators_, forest.estimators_features_, strict=True):
        part = _inner_nodes(each.tree_, leaf[first_node : first_node + each.tree_.node_count], features, roots[-1])
        parts.append(part)
        roots.append(roots[-1] + len(part["nodes_splits"]))
        first_node += each.tree_.node_count
    nodes = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    splits = nodes.pop("nodes_splits")
    return {
        "n_targets": 1,
        "aggregate_function": SUM,
        "post_transform": NO_TRANSFORM,
        "tree_roots": roots[:-1],
        "nodes_modes": numpy_helper.from_array(np.full(len(splits), AT_MOST, dtype=np.uint8)),
        "nodes_splits": numpy_helper.from_array(splits),
        **{name: values.tolist() for name, values in nodes.items()},
        "leaf_targetids": [0] * len(weights),
        "leaf_weights": numpy_helper.from_array(weights),
    }


def _inner_nodes(tree: Any, leaf: NDArray[np.intp], features: NDArray[np.intp], root: int) -> dict[str, NDArray[Any]]:
    inner = tree.children_left >= 0
    place = np.where(inner, root + np.cumsum(inner) - 1, leaf)
    if not inner.any():  # a tree must have a node: both ways lead to its only leaf
        only = {"nodes_splits": np.zeros(1), "nodes_featureids": np.zeros(1, dtype=np.int64)}
        return only | {
            f"nodes_{side}{what}": value
            for side in ("true", "false")
            for what, value in (("nodeids", leaf), ("leafs", np.ones(1, dtype=np.int64)))
        }
    true, false = tree.children_left[inner], tree.children_right[inner]
    return {
        "nodes_splits": tree.threshold[inner],
        "nodes_featureids": features[tree.feature[inner]],
        "nodes_truenodeids": place[true],
        "nodes_trueleafs": (~inner[true]).astype(np.int64),
        "nodes_falsenodeids": place[false],
        "nodes_falseleafs": (~inner[false]).astype(np.int64),
    }


def _local_outlier_factor(graph: _Graph, rows: str, detector: LocalOutlierFactor) -> str:
    """Row by row (`Scan`), as all rows' distances to all reference rows at once would not fit into memory."""
    metric = (detector.effective_metric_, detector.effective_metric_params_.get("p"))
    if detector.effective_metric_ != "euclidean" and metric != ("minkowski", 2):
        raise NotPortable(f"There is no graph for a local outlier factor with the metric {metric[0]}.")
    count, row, factor = detector.n_neighbors_, "row", _Graph("row_")
    last = factor.integers([-1])
    apart = factor.node("Sub", factor.constant(detector._fit_X), row)
    squares = factor.node("ReduceSumSquare", apart, last, keepdims=0)
    nearest, places = factor.nearest(factor.node("Sqrt", squares), count)
    reach = factor.node("Gather", factor.constant(detector._distances_fit_X_[:, count - 1]), places)
    reached = factor.node("ReduceMean", factor.node("Max", nearest, reach), last, keepdims=0)
    density = factor.node("Reciprocal", factor.node("Add", reached, factor.constant(_NEVER_INFINITE)))
    densities = factor.node("Gather", factor.constant(detector._lrd), places)
    outlying = factor.node("ReduceMean", factor.node("Div", densities, density), last, name="factor", keepdims=0)
    body = helper.make_graph(
        factor.nodes,
        "factor_of_a_row",
        [helper.make_tensor_value_info(row, TensorProto.DOUBLE, [detector._fit_X.shape[1]])],
        [helper.make_tensor_value_info(outlying, TensorProto.DOUBLE, [])],
        factor.constants,
    )
    return graph.node("Scan", rows, body=body, num_scan_inputs=1)


def _robust_z_score(graph: _Graph, rows: str, detector: RobustZScore) -> str:
    distance = graph.node("Abs", graph.node("Sub", rows, graph.constant(detector.median_)))
    deviations = graph.node("Div", distance, graph.constant(detector.scale_))
    return graph.node("ReduceMax", deviations, graph.integers([-1]), keepdims=0)


_SCORES: dict[type[BaseEstimator], Callable[[_Graph, str, Any], str]] = {
    LocalOutlierFactor: _local_outlier_factor,
    RobustZScore: _robust_z_score,
}
