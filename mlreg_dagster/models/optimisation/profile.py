"""Where the time of scoring goes, by the parts that scoring has: reading, preparing, the detector, thresholding.

The parts run one by one, each on what the one before it made. The portable graph does the steps and the detector at
once, which is what servers run; it stands beside them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.detectors.scoring import anomaly_scores, own_space
from mlreg_dagster.models.optimisation.timing import Timing, timed
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.storage.artifacts import ArtifactStore

ROWS = (1, 250, 42_000)
"""A request, an hour of 250 instruments, and a week of them."""

SELECT, THRESHOLDS, ONNX, WHOLE = "select features", "thresholds", "ONNX session", "all"
_STEPS = {"impute": "fill nulls", "scale": "scale features", "whiten": "whiten", "detector": "detector"}


@dataclass(frozen=True)
class Part:
    """A part of scoring.

    Attributes:
        name: Which one.
        rows: How many rows it was given; None: it is done once, whatever the rows.
        timing: How long it took.
        share: Of the parts that make up scoring these rows; None of what stands beside them.
    """

    name: str
    rows: int | None
    timing: Timing
    share: float | None


def rows_like(holdout: Dataset, count: int) -> pd.DataFrame:
    """So many rows of a holdout: the first ones, or all of them again in the hours that follow where it has fewer."""
    rows, hours = holdout.rows, len(holdout.window.hours)
    if rows.empty:
        return rows
    copies = [
        rows if turn == 0 else rows.assign(hour=rows["hour"] + turn * hours * HOUR)
        for turn in range(-(-count // len(rows)))
    ]
    return pd.concat(copies, ignore_index=True).iloc[:count]


def reading_parts(version: ModelVersion, store: ArtifactStore, model: Model, seconds: float) -> list[Part]:
    """What opening a version takes: reading its bundle and looking at its hash, pipelines and graph.

    Args:
        version: Which one.
        store: Where its bundle is.
        model: The same, loaded.
        seconds: Budget of each part.
    """
    name, sha256 = version.version, version.artifact_sha256
    files = store.read(artifact.MODELS, name, sha256)
    parts: list[tuple[str, Callable[[], object]]] = [
        ("read and verify the bundle", lambda: store.read(artifact.MODELS, name, sha256)),
        ("open the pipelines", lambda: artifact.open_afresh(files, name)),
    ]
    if model.graph is not None:
        parts.append(("open the graph", model.graph_scorer))
    return [Part(what, None, timed(call, seconds), None) for what, call in parts]


def scoring_parts(model: Model, rows: pd.DataFrame, seconds: float) -> list[Part]:
    """How long each part of scoring takes on rows, and all of them together.

    Args:
        model: Loaded.
        rows: With keys and features.
        seconds: Budget of each part.
    """
    features = model.select(rows)
    points = matrix = features.to_numpy(dtype=np.float64)
    found = [(SELECT, timed(lambda: model.select(rows).to_numpy(dtype=np.float64), seconds))]
    *steps, (last, detector) = model.pipeline.steps
    for name, step in steps:
        alone = Pipeline([(name, step), (last, detector)])
        found.append((_STEPS.get(name, name), timed(_on(own_space, alone, points), seconds)))
        points = own_space(alone, points)
    found.append((_STEPS["detector"], timed(_on(anomaly_scores, Pipeline([(last, detector)]), points), seconds)))
    scores = model.score(features)
    found.append((THRESHOLDS, timed(lambda: model.thresholds(rows["hour"], scores), seconds)))
    total, count = sum(each.median_ms for _, each in found), len(rows)
    parts = [Part(name, count, each, each.median_ms / total if total else 0.0) for name, each in found]
    if model.graph is not None:
        scorer = model.graph_scorer()
        parts.append(Part(ONNX, count, timed(lambda: scorer.score(matrix), seconds), None))
    return [*parts, Part(WHOLE, count, timed(lambda: scored(model, rows), seconds), None)]


def scored(model: Model, rows: pd.DataFrame) -> object:
    """What a program does with rows: their scores and thresholds."""
    scores = model.score(model.select(rows))
    return model.thresholds(rows["hour"], scores)


def slowest(parts: Sequence[Part], rows: int) -> Part:
    """The part that takes most of the time of so many rows."""
    return max((each for each in parts if each.rows == rows and each.share is not None), key=_share)


def _share(part: Part) -> float:
    return part.share or 0.0


def _on(function: Callable[..., object], *arguments: object) -> Callable[[], object]:
    return lambda: function(*arguments)
