"""Compares a candidate with the champion on the same holdout rows and the same planted anomalies."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.planted import precision_difference, recorded_chance, spread_of
from mlreg_dagster.models.evaluation.rounds import PlantedRound, found_by_kind, score_rounds
from mlreg_dagster.models.evaluation.statistics import Chance, Verdict
from mlreg_dagster.models.evaluation.training_chance import TrainingChance, measure_frozen
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import ArtifactStore


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
        seeds: The difference for each planting seed alone.
        days: The same for each holdout day.
        chance: Standard deviations of the average precision of left and right over training seeds; None: not measured.
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
    seeds: dict[str, float]
    days: dict[str, float]
    chance: tuple[float | None, float | None]


def compare(
    left: Model,
    right: Model,
    holdout: Dataset,
    rounds: list[PlantedRound],
    settings: ComparisonSettings,
    chances: tuple[Chance | None, Chance | None] = (None, None),
) -> Comparison:
    """Score the same rows with two frozen models.

    Args:
        left: One of them.
        right: The other one.
        holdout: The rows.
        rounds: The anomalies planted into them.
        settings: When two are told apart.
        chances: What chance in training does to the average precision of each; None: not measured.

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
    known = [each for each in chances if each is not None]
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
        **asdict(precision_difference(rounds, planted[0], planted[1], settings, chances=known)),
        **asdict(spread_of(rounds, planted[0], planted[1])),
        chance=tuple(None if each is None else each.standard_deviation for each in chances),  # type: ignore[arg-type]
    )


def against_champion(
    model: Model,
    holdout: Dataset,
    rounds: list[PlantedRound],
    registry: Registry,
    store: ArtifactStore,
    settings: ComparisonSettings,
    chance: Chance | None = None,
) -> dict[str, Any]:
    """The candidate and the current champion on the same rows; empty where there is no other champion.

    Args:
        model: The candidate.
        holdout: Its own.
        rounds: The anomalies planted into it, and into further days.
        registry: Says who is champion, and holds its evaluations.
        store: Holds its artifact and its training data.
        settings: When two are told apart.
        chance: What chance in training does to the candidate.
    """
    holder = registry.holder(CHAMPION)
    if holder is None or holder.version == model.manifest["version"]:
        return {}
    try:
        champion = artifact.load(store, holder.version, holder.artifact_sha256)
        of_champion = chance_of(champion, registry, store, rounds, settings)
        compared = compare(model, champion, holdout, rounds, settings, (chance, of_champion.chance))
    except MlregError as error:  # other features, a damaged file: the record names the reason
        return {"champion": holder.version, "not_comparable": str(error)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(compared).items()}


def chance_of(
    model: Model, registry: Registry, store: ArtifactStore, rounds: list[PlantedRound], settings: ComparisonSettings
) -> TrainingChance:
    """What chance in training does to a version: as its latest evaluation recorded it, or else measured now."""
    if not settings.refits:
        return TrainingChance()
    latest = registry.latest_evaluation(str(model.manifest["version"]))
    if latest is not None and (recorded := recorded_chance(latest.metrics)) is not None:
        return TrainingChance(recorded)
    return measure_frozen(model, store, rounds, settings.refits)
