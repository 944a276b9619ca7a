"""What a fitted pipeline says of the rows that it was fitted to: its threshold, the scores to remember, its graph."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from mlreg_dagster.config import FROZEN, ModelSettings
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.detectors.scoring import anomaly_scores, training_scores
from mlreg_dagster.models.manifests import TRAINING_SCORES, remember_scores

Matrix = NDArray[np.float64]

_COMPARED_ROWS = 512


def said_of(
    pipeline: Pipeline,
    baseline: Pipeline,
    rows: Matrix,
    usual: Matrix,
    settings: ModelSettings,
    features: list[str],
    version: str,
    dataset: Dataset,
) -> tuple[dict[str, Any], bytes | None]:
    """The part of a manifest that follows from the scores of the training rows, and the portable graph.

    Args:
        pipeline: Fitted to the rows, or a variant of one that was.
        baseline: Fitted to the usual rows.
        rows: Those of the dataset that the pipeline learned from.
        usual: Those that the baseline learned from.
        settings: Of the version.
        features: Names of the columns.
        version: Its name.
        dataset: Where the rows are from.
    """
    scores = training_scores(pipeline, rows)
    threshold = float(np.quantile(scores, 1 - settings.contamination))
    own_scores = scores if len(scores) == len(rows) else anomaly_scores(pipeline, rows)
    nearest = rows[np.argsort(np.abs(own_scores - threshold), kind="stable")[:_COMPARED_ROWS]]
    graph, said_of_graph = _graph(pipeline, threshold, features, version, nearest)
    said = {
        "threshold": threshold,
        "training_anomaly_rate": float(np.mean(scores > threshold)),
        **_remembered(settings, scores, baseline, usual, dataset),
        "graph": said_of_graph,
    }
    return said, graph


def _graph(
    pipeline: Pipeline, threshold: float, features: list[str], version: str, rows: Matrix
) -> tuple[bytes | None, str]:
    """The portable graph, if it labels the rows nearest to the threshold as the pipeline does; and why, or why not."""
    from mlreg_dagster.models.scorers import onnx_graph, onnx_scorer
    from mlreg_dagster.models.scorers.graph_builder import NotPortable

    try:
        graph = onnx_graph.export(pipeline, threshold, features, version)
    except NotPortable as reason:
        return None, str(reason)
    _, labels = onnx_scorer.load(graph, version).score(rows)
    differing = int(np.sum(labels != (anomaly_scores(pipeline, rows) > threshold)))
    if differing:
        return None, f"of the {len(rows)} training rows nearest to the threshold it labelled {differing} differently"
    return graph, f"labels the {len(rows)} training rows nearest to the threshold as the pipeline does"


def _remembered(
    settings: ModelSettings, scores: Matrix, baseline: Pipeline, rows: Matrix, dataset: Dataset
) -> dict[str, Any]:
    """The training scores, for a policy that looks back on earlier scores; a frozen threshold needs none."""
    if settings.flagging.policy == FROZEN.policy:
        return {}
    rows_an_hour = len(dataset.rows) / len(dataset.window.hours)
    return {TRAINING_SCORES: remember_scores(scores, anomaly_scores(baseline, rows), rows_an_hour)}
