"""Scores the frozen artifact on its holdout and has every gate measured. Nothing is fitted here.

What a gate is and asks is in `models/gates`; anomalies are planted in `rounds`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.config.sections.governance import Constraints
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.planted import METHOD, RoundScores, relative, result_of
from mlreg_dagster.models.evaluation.rounds import (
    NotAHoldout,
    PlantedRound,
    found_by_kind,
    mean_over_kinds,
    score_rounds,
)
from mlreg_dagster.models.evaluation.training_chance import TrainingChance
from mlreg_dagster.models.gates import GateContext, asked_gates, results_of
from mlreg_dagster.registry import GateResult


@dataclass(frozen=True)
class EvaluationResult:
    """The results of an evaluation.

    Attributes:
        gates: One result for each gate that is asked for.
        metrics: Further numbers: rates, average precision by kind of anomaly.
        scores: Anomaly score of each holdout row.
        thresholds: Of each holdout row, by the model's flag policy, hour by hour.
    """

    gates: tuple[GateResult, ...]
    metrics: dict[str, Any]
    scores: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)


def evaluate(
    model: Model,
    holdout: Dataset,
    rounds: list[PlantedRound],
    settings: EvaluationSettings,
    *,
    tier: Sequence[str] = (),
    versus: Mapping[str, Any] | None = None,
    constraints: Constraints | None = None,
    bundle_bytes: int = 0,
    training_chance: TrainingChance | None = None,
    planted_interval: bool = False,
) -> EvaluationResult:
    """Score a holdout with a frozen model and measure every gate that is asked for.

    Args:
        model: The loaded artifact; it is not changed.
        holdout: Rows after the model's training window.
        rounds: Planted anomalies; the same for all models that are to be compared.
        settings: Thresholds.
        tier: Names of the strict gates that the risk tier asks for.
        versus: The comparison with the champion; see `comparison.against_champion`.
        constraints: What serving can bear; for the strict gates.
        bundle_bytes: Size of the version's bundle; for the strict gates.
        training_chance: What chance in training does; None: not measured.
        planted_interval: Whether gates on planted anomalies pass on the lower end of their interval.

    Raises:
        NotAHoldout: The holdout begins before the model's training window ends.
        FeatureMismatch: The holdout has other features than the model was trained on.
        OtherFeatureSettings: Its features were computed with other settings than the model learned from.
    """
    if holdout.window.first < model.training_end:
        raise NotAHoldout(
            f"Holdout {holdout.day} ({holdout.window}) overlaps the training window of {model.manifest['version']}, "
            f"which ends {model.training_end:%Y-%m-%d %H:%M}. Evaluate on a later holdout."
        )
    scores = model.score(model.select(holdout.rows))
    thresholds = model.thresholds(holdout.rows["hour"], scores)
    planted, of_baseline = (score_rounds(model, score, rounds) for score in (model.score, model.baseline_score))
    precision, baseline = found_by_kind(rounds, planted), found_by_kind(rounds, of_baseline)
    metrics: dict[str, Any] = {
        "holdout_rows": len(scores),
        "anomaly_rate": float((scores > thresholds).mean()),
        "training_anomaly_rate": float(model.manifest["training_anomaly_rate"]),
        "average_precision": _mean(precision),
        "average_precision_by_kind": precision,
        "baseline_average_precision": _mean(baseline),
        "baseline_average_precision_by_kind": baseline,
    }
    if rounds:
        metrics["planted"] = _against_baseline(
            rounds, planted, of_baseline, settings, training_chance or TrainingChance(), _mean(baseline)
        )
    context = GateContext(
        model=model,
        holdout=holdout,
        rounds=rounds,
        scores=scores,
        metrics=metrics,
        settings=settings,
        versus=versus or {},
        constraints=constraints or Constraints(),
        bundle_bytes=bundle_bytes,
        planted_interval=planted_interval,
    )
    return EvaluationResult(results_of(asked_gates(tier), context), metrics, scores, thresholds)


def _against_baseline(
    rounds: list[PlantedRound],
    planted: RoundScores,
    of_baseline: RoundScores,
    settings: EvaluationSettings,
    training: TrainingChance,
    baseline: float | None,
) -> dict[str, Any]:
    """The margin over the baseline and the relative improvement, with intervals and spreads; and how they were made."""
    compared, chance = settings.comparison, training.chance
    relative_chance = chance.times(1 / baseline) if chance is not None and baseline else None
    return {
        "confidence": compared.confidence,
        "method": METHOD,
        "margin": result_of(rounds, planted, of_baseline, compared, chance),
        "improvement": result_of(rounds, planted, of_baseline, compared, relative_chance, relative),
        "training": training.facts,
    }


def _mean(by_kind: dict[str, float]) -> float | None:
    """None where none was planted."""
    return mean_over_kinds(by_kind) if by_kind else None
