"""The score of each detector, as part of an ONNX graph. The steps before it, label and metadata are in `onnx_graph`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline

from mlreg_dagster.models.classifier.classifier import CrashClassifier
from mlreg_dagster.models.detectors.ensemble import RankEnsemble, tail_width
from mlreg_dagster.models.detectors.nearest_neighbors import NeighborDistance
from mlreg_dagster.models.detectors.robust_z_score import RobustZScore
from mlreg_dagster.models.scorers.classifier_graph import classifier_score
from mlreg_dagster.models.scorers.forest_walk import path_lengths, usual_length
from mlreg_dagster.models.scorers.graph_builder import AT_MOST, NO_TRANSFORM, SUM, Graph, NotPortable

_NEVER_INFINITE = 1e-10  # what scikit-learn adds to the mean distance of a row among its duplicates


def score_of(graph: Graph, rows: str, pipeline: Pipeline) -> str:
    """The score of scaled rows, by the steps of a fitted pipeline that follow the scaling.

    Args:
        graph: Gets the nodes.
        rows: Name of the rows in it.
        pipeline: Its steps `whiten`, if it has one, and `detector` are read.

    Raises:
        NotPortable: A detector, or a metric of it, that has no graph here.
    """
    detector = pipeline[-1]
    if type(detector) not in _SCORES:
        name = getattr(detector, "name", type(detector).__name__)
        raise NotPortable(f"There is no graph for a {name}.")
    if "whiten" in pipeline.named_steps:
        rows = _whitened(graph, rows, pipeline["whiten"])
    return _SCORES[type(detector)](graph, rows, detector)


def path_length(graph: Graph) -> str:
    """The mean path lengths of rows in a graph that ends with the score of a forest."""
    return next(str(node.output[0]) for node in graph.nodes if node.op_type == "Squeeze")


def _whitened(graph: Graph, rows: str, whiten: PCA) -> str:
    deviations = np.maximum(np.sqrt(whiten.explained_variance_), np.finfo(np.float64).eps)
    turned = graph.node("MatMul", rows, graph.constant(whiten.components_.T))
    centred = graph.node("Sub", turned, graph.constant(whiten.mean_ @ whiten.components_.T))
    return graph.node("Div", centred, graph.constant(deviations))


def _forest(graph: Graph, rows: str, forest: IsolationForest) -> str:
    single = graph.node("Cast", graph.node("Cast", rows, to=TensorProto.FLOAT), to=TensorProto.DOUBLE)
    lengths = graph.node("TreeEnsemble", single, domain="ai.onnx.ml", **_trees(forest))
    usual = usual_length(forest) or 1.0
    one_column = graph.node("Squeeze", lengths, graph.integers([-1]))
    relative = graph.node("Div", one_column, graph.constant(-usual))
    return graph.node("Pow", graph.constant(2.0), relative)


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


def _local_outlier_factor(graph: Graph, rows: str, detector: LocalOutlierFactor) -> str:
    metric = (detector.effective_metric_, detector.effective_metric_params_.get("p"))
    if detector.effective_metric_ != "euclidean" and metric != ("minkowski", 2):
        raise NotPortable(f"There is no graph for a local outlier factor with the metric {metric[0]}.")
    count, row = detector.n_neighbors_, _of_one_row(graph)
    nearest, places, last = _nearest(row, detector._fit_X, count)
    reach = row.node("Gather", row.constant(detector._distances_fit_X_[:, count - 1]), places)
    reached = row.node("ReduceMean", row.node("Max", nearest, reach), last, keepdims=0)
    density = row.node("Reciprocal", row.node("Add", reached, row.constant(_NEVER_INFINITE)))
    densities = row.node("Gather", row.constant(detector._lrd), places)
    row.node("ReduceMean", row.node("Div", densities, density), last, name="factor", keepdims=0)
    return _row_by_row(graph, rows, row, "factor", detector._fit_X.shape[1])


def _neighbor_distance(graph: Graph, rows: str, detector: NeighborDistance) -> str:
    known, row = detector.index_._fit_X, _of_one_row(graph)
    nearest, _, last = _nearest(row, known, detector.index_.n_neighbors)
    row.node("ReduceMean", nearest, last, name="distance", keepdims=0)
    return _row_by_row(graph, rows, row, "distance", known.shape[1])


def _of_one_row(graph: Graph) -> Graph:
    """A graph for `Scan`; those of an ensemble's members have names of their own."""
    earlier = sum(node.op_type == "Scan" for node in graph.nodes)
    return Graph(f"row{earlier or ''}_")


def _nearest(row: Graph, known: NDArray[np.float64], count: int) -> tuple[str, str, str]:
    """The distances of one row to the nearest of those that are known, which those are, and the axis they lie on."""
    last = row.integers([-1])
    apart = row.node("Sub", row.constant(known), row.prefix.removesuffix("_"))
    squares = row.node("ReduceSumSquare", apart, last, keepdims=0)
    return *row.nearest(row.node("Sqrt", squares), count), last


def _row_by_row(graph: Graph, rows: str, row: Graph, score: str, columns: int) -> str:
    """A graph of one row over all rows (`Scan`): their distances to all known rows would not fit into memory."""
    body = helper.make_graph(
        row.nodes,
        f"{score}_of_a_row",
        [helper.make_tensor_value_info(row.prefix.removesuffix("_"), TensorProto.DOUBLE, [columns])],
        [helper.make_tensor_value_info(score, TensorProto.DOUBLE, [])],
        row.constants,
    )
    return graph.node("Scan", rows, body=body, num_scan_inputs=1)


def _robust_z_score(graph: Graph, rows: str, detector: RobustZScore) -> str:
    distance = graph.node("Abs", graph.node("Sub", rows, graph.constant(detector.median_)))
    deviations = graph.node("Div", distance, graph.constant(detector.scale_))
    return graph.node("ReduceMax", deviations, graph.integers([-1]), keepdims=0)


def _ensemble(graph: Graph, rows: str, ensemble: RankEnsemble) -> str:
    total = graph.constant(0.0)
    for member, quantiles in zip(ensemble.members_, ensemble.quantiles_, strict=True):
        score = score_of(graph, rows, member)
        total = graph.node("Add", total, _rank(graph, score, quantiles, ensemble.highest_rank_))
    return graph.node("Div", total, graph.constant(float(len(ensemble.members_))))


def _rank(graph: Graph, score: str, quantiles: NDArray[np.float64], highest: float) -> str:
    """The rank of each score as `ensemble.rank` has it: of each step between quantiles the part that lies below."""
    low, high = quantiles[:-1], quantiles[1:]
    low = np.where(high > low, low, np.nextafter(high, -np.inf))  # where quantiles coincide the rank jumps
    column = graph.node("Unsqueeze", score, graph.integers([-1]))
    parts = graph.node("Div", graph.node("Sub", column, graph.constant(low)), graph.constant(high - low))
    covered = graph.node("Min", graph.node("Max", parts, graph.constant(0.0)), graph.constant(1.0))
    share = graph.node("ReduceMean", covered, graph.integers([-1]), keepdims=0)
    excess = graph.node("Max", graph.node("Sub", score, graph.constant(quantiles[-1])), graph.constant(0.0))
    beyond = graph.node("Add", graph.node("Div", excess, graph.constant(tail_width(quantiles))), graph.constant(1.0))
    tail = graph.node("Sub", graph.constant(1.0), graph.node("Reciprocal", beyond))
    within = graph.node("Div", share, graph.constant(1 / highest))
    return graph.node("Add", within, graph.node("Div", tail, graph.constant(1 / (1 - highest))))


_SCORES: dict[type[BaseEstimator], Callable[[Graph, str, Any], str]] = {
    IsolationForest: _forest,
    LocalOutlierFactor: _local_outlier_factor,
    NeighborDistance: _neighbor_distance,
    RobustZScore: _robust_z_score,
    RankEnsemble: _ensemble,
    CrashClassifier: classifier_score,
}
