"""An isolation forest's scores by the compiled walk, by its ONNX graph and by scikit-learn, and what fits cost.

    python benchmarks/scoring.py [rounds] [rows for the labels]

Medians of `rounds`, taking turns in one process; a few rows are scored twenty times in a row, for one time is too
short to be told. First the forest alone: scikit-learn as a user calls it, and the walk on one core. Then the whole
pipeline: as scikit-learn runs it, as models score (large batches are shared among the cores), and the graph on one
core. Labels: how many of so many rows are put on different sides of a threshold at the share that the project flags.
"""

import sys
from collections.abc import Callable
from functools import partial

import numpy as np
from features import seconds
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores, fit
from mlreg_dagster.models.scorers.forest_walk import forest_scores
from mlreg_dagster.models.scorers.onnx_graph import export
from mlreg_dagster.models.scorers.onnx_scorer import GraphScorer, load

COLUMNS = 25
DEFAULT = ModelSettings()
FLAGGED = DEFAULT.contamination


def rows(count: int, seed: int, columns: int = COLUMNS) -> np.ndarray:
    """Whitened features have tails like these."""
    return np.random.default_rng(seed).standard_t(5, size=(count, columns))


def repeated(times: int, work: Callable[[], object]) -> None:
    for _ in range(times):
        work()


def graph_of(pipeline: Pipeline, threshold: float) -> GraphScorer:
    content = export(pipeline, threshold, [f"feature{column}" for column in range(COLUMNS)], "v1")
    print(f"The graph takes {len(content) / 1e6:.1f} MB.", file=sys.stderr)
    return load(content, "v1")


def scoring(rounds: int) -> Table:
    table = Table(title=f"Scores of a forest of 200 trees, {COLUMNS} columns, ms")
    for name in (
        "rows of a tree",
        "rows scored",
        "scikit-learn",
        "walk",
        "",
        "its pipeline",
        "as models",
        "",
        "ONNX",
        "",
    ):
        table.add_column(name, justify="right")
    for max_samples, grown_on in ((1.0, 36_000), (256, 36_000)):
        settings = ModelSettings(params={"n_estimators": 200, "max_samples": max_samples})
        pipeline = fit(make_pipeline(settings), rows(grown_on, 0))
        forest, graph = pipeline[-1], graph_of(pipeline, 0.5)
        for count in (1, 250, 42_000):
            points, times = rows(count, 1), 20 if count < 1000 else 1
            theirs, walk, stock, ours, portable = (
                1e3 * spent / times
                for spent in seconds(
                    rounds,
                    *(
                        partial(repeated, times, work)
                        for work in (
                            partial(forest.score_samples, points),
                            partial(forest_scores, forest, points),
                            partial(pipeline.score_samples, points),
                            partial(anomaly_scores, pipeline, points),
                            partial(graph.score, points),
                        )
                    ),
                )
            )
            table.add_row(
                f"{grown_on if max_samples == 1.0 else max_samples:,}", f"{count:,}",
                f"{theirs:.2f}", f"{walk:.3f}", f"{theirs / walk:.1f}x",
                f"{stock:.2f}", f"{ours:.3f}", f"{stock / ours:.1f}x", f"{portable:.3f}", f"{stock / portable:.1f}x",
            )  # fmt: skip
    return table


def fitting(rounds: int) -> Table:
    table = Table(title="Fits, s")
    for name in ("what", "seconds", "ratio"):
        table.add_column(name, justify="right")
    many = rows(500_000, 2, 6)

    def with_our_threshold() -> None:
        forest = IsolationForest(n_estimators=200, random_state=42).fit(many)
        np.quantile(forest_scores(forest, many), 1 - FLAGGED)

    theirs = partial(IsolationForest(n_estimators=200, contamination=FLAGGED, random_state=42).fit, many)
    stock, ours = seconds(rounds, theirs, with_our_threshold)
    table.add_row("forest, 500,000 rows, scikit-learn's contamination", f"{stock:.2f}", "1x")
    table.add_row("the same with the threshold as we take it", f"{ours:.2f}", f"{stock / ours:.1f}x")
    whole, bounded = seconds(
        rounds, *(partial(LocalOutlierFactor(novelty=True).fit, rows(count, 3, 6)) for count in (42_000, 10_000))
    )
    table.add_row("local outlier factor, 42,000 rows", f"{whole:.2f}", "1x")
    table.add_row("bounded to 10,000, as model_lof.yaml does", f"{bounded:.2f}", f"{whole / bounded:.1f}x")
    return table


def main(rounds: int = 5, labelled: int = 1_000_000) -> None:
    console = Console()
    console.print(scoring(rounds))
    console.print(fitting(rounds))
    pipeline = fit(make_pipeline(DEFAULT), rows(36_000, 0))
    points = rows(labelled, 4)
    theirs = -pipeline.score_samples(points)
    threshold = float(np.quantile(theirs, 1 - FLAGGED))
    expected = theirs > threshold
    scores, labels = graph_of(pipeline, threshold).score(points)
    ours = anomaly_scores(pipeline, points)
    for name, found, score in (("models", ours > threshold, ours), ("the graph", labels, scores)):
        apart = np.abs(theirs - score).max()
        console.print(f"{labelled:,} rows, {name}: {np.sum(found != expected)} labels differ, scores by {apart:.1e}.")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
