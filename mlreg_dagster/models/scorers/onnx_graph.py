"""A fitted pipeline as one ONNX graph: scores and labels for programs that know neither Python nor this project.

In: `features`, rows x features in 64 bit, NaN where a value is null. Out: `score` and `is_anomaly` of each row. The
names of the features, in their order, and of the version stand in the file's metadata. All is computed in 64 bit but
the one rounding to 32 that scikit-learn's forests do themselves, so that rows end in the same leaves.

`is_anomaly` is the label by the frozen threshold, that of the training rows: a graph sees no trailing days for the flag
policy of a version to look back on.
"""

import json

import numpy as np
from onnx import TensorProto, helper
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import Pipeline

from mlreg_dagster.models.scorers.detector_graphs import path_length, score_of
from mlreg_dagster.models.scorers.forest_walk import usual_length
from mlreg_dagster.models.scorers.graph_builder import FEATURES, IS_ANOMALY, OPERATORS, SCORE, Graph

_FORMAT = 10


def export(pipeline: Pipeline, threshold: float, features: list[str], version: str) -> bytes:
    """The graph of a fitted pipeline.

    Args:
        pipeline: As `detectors.making` makes them, fitted.
        threshold: Rows that score above it are anomalies.
        features: Names of the pipeline's columns.
        version: Name of the version.

    Raises:
        NotPortable: A detector, or a metric of it, that has no graph here.
    """
    detector, graph = pipeline[-1], Graph()
    rows = _scaled(graph, pipeline)
    score = score_of(graph, rows, pipeline)
    if isinstance(detector, IsolationForest):
        # by the lengths, which are exact: NumPy and ONNX Runtime round the power differently on some processors
        longest = shortest_normal_length(threshold, usual_length(detector) or 1.0)
        graph.node("Greater", graph.constant(longest), path_length(graph), name=IS_ANOMALY)
    else:
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


def _scaled(graph: Graph, pipeline: Pipeline) -> str:
    """Rows whose nulls are filled and whose features have one scale, as in scikit-learn step by step."""
    steps = pipeline.named_steps
    known = graph.node("Where", graph.node("IsNaN", FEATURES), graph.constant(steps["impute"].statistics_), FEATURES)
    centred = graph.node("Sub", known, graph.constant(steps["scale"].mean_))
    return graph.node("Div", centred, graph.constant(steps["scale"].scale_))


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
