"""All that commands and runs import, for the process from which those of tests are forked: it takes them 8 s each."""

import dagster._cli.api
import duckdb
import skops.io

from mlreg_dagster import cli, definitions, demo, replay, report
from mlreg_dagster.governance import pictures as governance_pictures
from mlreg_dagster.market import feature_kernel, pictures
from mlreg_dagster.models import artifact, evaluation, forest_kernel, onnx_graph, onnx_scorer, stability, training
from mlreg_dagster.outcomes import metrics, scoring

__all__ = [
    "artifact", "cli", "dagster", "definitions", "demo", "duckdb", "evaluation", "feature_kernel", "forest_kernel",
    "governance_pictures", "metrics", "onnx_graph", "onnx_scorer", "pictures", "replay", "report", "scoring", "skops",
    "stability", "training",
]  # fmt: skip
