"""A candidate and the champion on the same holdout rows and the same planted anomalies."""

from dataclasses import dataclass

import numpy as np

from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifact import Model
from mlreg_dagster.models.evaluation import PlantedRound, average_precision_by_kind


@dataclass(frozen=True)
class Comparison:
    """Two versions on the same rows.

    Attributes:
        rows: How many.
        average_precision: Of left and right at finding planted anomalies; None where nothing could be planted.
        anomaly_rate: Share of rows flagged, left and right.
        agreement: Share of rows on which both give the same label.
        rank_correlation: Spearman's, of the scores; None when one of them is constant.
        in_sample: Versions whose training window reaches into the holdout: their numbers flatter them.
    """

    left: str
    right: str
    rows: int
    average_precision: tuple[float | None, float | None]
    anomaly_rate: tuple[float, float]
    agreement: float
    rank_correlation: float | None
    in_sample: tuple[str, ...]


def compare(left: Model, right: Model, holdout: Dataset, rounds: list[PlantedRound]) -> Comparison:
    """Score the same rows with two frozen models.

    Raises:
        FeatureMismatch: The holdout lacks features of one of them.
        OtherFeatureSettings: One of them learned from features that were computed with other settings.
    """
    from scipy.stats import spearmanr

    models = (left, right)
    scores = [model.score(model.select(holdout.rows)) for model in models]
    flags = [score > model.threshold for score, model in zip(scores, models, strict=True)]
    precision = [average_precision_by_kind(model, model.score, rounds) for model in models]
    constant = any(np.ptp(score) == 0 for score in scores)
    names = [str(model.manifest["version"]) for model in models]
    return Comparison(
        left=names[0],
        right=names[1],
        rows=len(holdout.rows),
        average_precision=tuple(float(np.mean(list(kinds.values()))) if kinds else None for kinds in precision),  # type: ignore[arg-type]
        anomaly_rate=(float(flags[0].mean()), float(flags[1].mean())),
        agreement=float(np.mean(flags[0] == flags[1])),
        rank_correlation=None if constant else float(spearmanr(*scores).statistic),
        in_sample=tuple(
            name for name, model in zip(names, models, strict=True) if model.training_end > holdout.window.first
        ),
    )
