"""All that commands and runs import, for the process from which those of tests are forked: it takes them 8 s each."""

import dagster._cli.api
import dagster._daemon.cli
import duckdb
import skops.io

from mlreg_dagster import cli, definitions
from mlreg_dagster.cli import demo
from mlreg_dagster.governance import plots as governance_plots
from mlreg_dagster.market import plots
from mlreg_dagster.market.features import kernel
from mlreg_dagster.models import training
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.evaluation import evaluation, stability
from mlreg_dagster.models.scorers import forest_walk, onnx_graph, onnx_scorer
from mlreg_dagster.outcomes.performance import metrics
from mlreg_dagster.outcomes.predicting import scoring
from mlreg_dagster.replay import report, run

__all__ = [
    "artifact", "cli", "dagster", "definitions", "demo", "duckdb", "evaluation", "forest_walk", "governance_plots",
    "kernel", "metrics", "onnx_graph", "onnx_scorer", "plots", "report", "run", "scoring", "skops", "stability",
    "training",
]  # fmt: skip
