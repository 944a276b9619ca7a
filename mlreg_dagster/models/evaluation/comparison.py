"""Compares a candidate with the champion on the same holdout rows and the same planted anomalies."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.evaluation import PlantedRound, found_by_kind, score_rounds
from mlreg_dagster.models.evaluation.statistics import (
    Difference,
    Draws,
    Verdict,
    paired_bootstrap,
    weighted_average_precision,
)
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import ArtifactStore

RoundScores = list[NDArray[np.float64]]


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
        verdict: Whether left finds planted anomalies better than right, worse, or can't be told apart from it.
        difference: Average precision of left minus that of right; None where nothing could be planted.
        low: Lower end of its confidence interval; None where it can't be told.
        high: The upper end.
        samples: Instruments that carry planted anomalies.
        reason: Why that is the verdict.
    """

    left: str
    right: str
    rows: int
    average_precision: tuple[float | None, float | None]
    anomaly_rate: tuple[float, float]
    agreement: float
    rank_correlation: float | None
    in_sample: tuple[str, ...]
    verdict: Verdict
    difference: float | None
    low: float | None
    high: float | None
    samples: int
    reason: str


def compare(
    left: Model,
    right: Model,
    holdout: Dataset,
    rounds: list[PlantedRound],
    settings: ComparisonSettings,
) -> Comparison:
    """Score the same rows with two frozen models.

    Args:
        left: One of them.
        right: The other one.
        holdout: The rows.
        rounds: The anomalies planted into them.
        settings: When two are told apart.

    Raises:
        FeatureMismatch: The holdout lacks features of one of them.
        OtherFeatureSettings: One of them learned from features that were computed with other settings.
    """
    from scipy.stats import spearmanr

    models = (left, right)
    scores = [model.score(model.select(holdout.rows)) for model in models]
    flags = [score > model.thresholds(holdout.rows["hour"], score) for score, model in zip(scores, models, strict=True)]
    planted = [score_rounds(model, model.score, rounds) for model in models]
    precision = [found_by_kind(rounds, scores_of_rounds) for scores_of_rounds in planted]
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
        **asdict(precision_difference(rounds, planted[0], planted[1], settings)),
    )


def precision_difference(
    rounds: list[PlantedRound], left: RoundScores, right: RoundScores, settings: ComparisonSettings
) -> Difference:
    """The average precision of left minus that of right, by a paired bootstrap over instruments.

    Each resample draws instruments, with all their rows in all rounds: those that carry anomalies and those that
    they have to stand out from. Rounds of a kind are averaged, and kinds count alike, as in the point estimate.

    Args:
        rounds: The planted anomalies.
        left: Scores of the rows of each round.
        right: The same of the other model.
        settings: Confidence, resamples, fewest instruments.
    """
    if not rounds:
        return paired_bootstrap(0, 0, lambda draws: draws[:, 0], settings)
    codes, names = pd.factorize(pd.concat([planted.rows["instrument_id"] for planted in rounds], ignore_index=True))
    instruments = np.split(codes, np.cumsum([len(planted.rows) for planted in rounds])[:-1])
    carrying = {code for each, planted in zip(instruments, rounds, strict=True) for code in each[planted.planted]}

    def difference(draws: Draws) -> NDArray[np.float64]:
        by_kind: dict[str, list[NDArray[np.float64]]] = {}
        for planted, rows, ours, theirs in zip(rounds, instruments, left, right, strict=True):
            left_precision, right_precision = (
                weighted_average_precision(scores, planted.planted, rows, draws) for scores in (ours, theirs)
            )
            by_kind.setdefault(planted.kind, []).append(left_precision - right_precision)
        kinds = [_mean_of_defined(np.array(values)) for values in by_kind.values()]
        return np.asarray(np.mean(kinds, axis=0))

    return paired_bootstrap(len(names), len(carrying), difference, settings)


def against_champion(
    model: Model,
    holdout: Dataset,
    rounds: list[PlantedRound],
    registry: Registry,
    store: ArtifactStore,
    settings: ComparisonSettings,
) -> dict[str, Any]:
    """The candidate and the current champion on the same rows; empty where there is no other champion."""
    holder = registry.holder(CHAMPION)
    if holder is None or holder.version == model.manifest["version"]:
        return {}
    try:
        champion = artifact.load(store, holder.version, holder.artifact_sha256)
        compared = compare(model, champion, holdout, rounds, settings)
    except MlregError as error:  # other features, a damaged file: the record names the reason
        return {"champion": holder.version, "not_comparable": str(error)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(compared).items()}


def _mean_of_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the rounds (rows) in which a resample (column) has anomalies; NaN where it has none in any."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, values, 0.0).sum(axis=0) / defined.sum(axis=0))
