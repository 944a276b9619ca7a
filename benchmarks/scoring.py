"""An isolation forest's scores by the compiled walk and by scikit-learn, and what fits cost.

    python benchmarks/scoring.py [rounds] [rows for the labels]

Medians of `rounds`, taking turns in one process: scikit-learn as a user calls it and the walk on one core; then the
whole pipeline, as scikit-learn runs it and as models score (large batches are shared among the cores). Labels: how
many of so many rows the two put on different sides of a threshold at the share that the project flags.
"""

import sys
from functools import partial

import numpy as np
from features import seconds
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.models.detectors import anomaly_scores, fit, make_pipeline
from mlreg_dagster.models.forest_kernel import forest_scores

COLUMNS = 25
DEFAULT = ModelSettings()
FLAGGED = DEFAULT.contamination


def rows(count: int, seed: int, columns: int = COLUMNS) -> np.ndarray:
    """Whitened features have tails like these."""
    return np.random.default_rng(seed).standard_t(5, size=(count, columns))


def scoring(rounds: int) -> Table:
    table = Table(title=f"Scores of a forest of 200 trees, {COLUMNS} columns, ms")
    for name in (
        "rows of a tree",
        "rows scored",
        "scikit-learn",
        "one core",
        "ratio",
        "its pipeline",
        "as models score",
        "ratio",
    ):
        table.add_column(name, justify="right")
    for max_samples, grown_on in ((1.0, 36_000), (256, 36_000)):
        settings = ModelSettings(params={"n_estimators": 200, "max_samples": max_samples})
        pipeline = fit(make_pipeline(settings), rows(grown_on, 0))
        forest = pipeline[-1]
        for count in (1, 250, 42_000):
            points = rows(count, 1)
            theirs, walk, stock, ours = (
                1e3 * spent
                for spent in seconds(
                    rounds,
                    partial(forest.score_samples, points),
                    partial(forest_scores, forest, points),
                    partial(pipeline.score_samples, points),
                    partial(anomaly_scores, pipeline, points),
                )
            )
            table.add_row(
                f"{grown_on if max_samples == 1.0 else max_samples:,}", f"{count:,}", f"{theirs:.2f}", f"{walk:.2f}",
                f"{theirs / walk:.1f}x",
                f"{stock:.2f}", f"{ours:.2f}", f"{stock / ours:.1f}x",
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
        1, *(partial(LocalOutlierFactor(novelty=True).fit, rows(count, 3, 6)) for count in (42_000, 10_000))
    )
    table.add_row("local outlier factor, 42,000 rows", f"{whole:.2f}", "1x")
    table.add_row("bounded to 10,000, as model_lof.yaml does", f"{bounded:.2f}", f"{whole / bounded:.1f}x")
    return table


def main(rounds: int = 5, labelled: int = 1_000_000) -> None:
    console = Console()
    console.print(scoring(rounds))
    console.print(fitting(rounds))
    forest = IsolationForest(n_estimators=200, max_samples=1.0, random_state=0).fit(rows(36_000, 0))
    points = rows(labelled, 4)
    theirs, ours = -forest.score_samples(points), forest_scores(forest, points)
    threshold = np.quantile(theirs, 1 - FLAGGED)
    flips, apart = int(np.sum((theirs > threshold) != (ours > threshold))), np.abs(theirs - ours).max()
    console.print(f"{labelled:,} rows: {flips} labels differ, scores by {apart:.1e} at most.")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
