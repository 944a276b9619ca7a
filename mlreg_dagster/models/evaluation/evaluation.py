"""Scores the frozen artifact on its holdout, plants anomalies, and has every gate measured. Nothing is fitted here.

What a gate is and asks is in `models/gates`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import EvaluationSettings, FeatureSettings, InjectionSettings
from mlreg_dagster.config.sections.governance import Constraints
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.market.features.provenance import require_settings
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.injection import plant_rounds
from mlreg_dagster.models.gates import GateContext, asked_gates, results_of
from mlreg_dagster.registry import GateResult

_KEY = ["hour", "instrument_id"]


class NotAHoldout(MlregError):
    """A holdout that overlaps the training window of the model that it should judge."""


@dataclass(frozen=True)
class PlantedRound:
    """The rows of one injection round that count, as features."""

    kind: str
    rows: pd.DataFrame
    planted: NDArray[np.bool_]


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


def plant_anomalies(
    holdout: Dataset, settings: InjectionSettings, features: FeatureSettings, lookback_hours: int
) -> list[PlantedRound]:
    """Plant into the market behind a holdout and compute the features of the edited market.

    Rows that an event touched without being its planted row are neither anomalies nor normal: left out.

    Raises:
        NotAHoldout: The dataset has no market behind it.
        OtherFeatureSettings: The holdout's rows were computed with other settings than the edited market's would be.
    """
    if holdout.market is None:
        raise NotAHoldout(f"Dataset {holdout.day} has no market.parquet to plant anomalies into: is it a holdout?")
    remedy = "Evaluate on a holdout that was frozen with features.yaml as it is, or give it back its values."
    require_settings(holdout.rows, features.model_dump(mode="json"), "features.yaml", remedy)
    hours = holdout.window.hours
    unedited = compute_features(holdout.market, hours, features, lookback_hours)
    rounds = []
    for injection in plant_rounds(holdout.market, holdout.window, settings):
        snapshots = injection.snapshots.assign(planted=injection.planted, touched=injection.touched)
        snapshots = snapshots[_of_same_instrument(snapshots, injection.touched)]  # the others keep their features
        edited = compute_features(snapshots, hours, features, lookback_hours)
        marks = edited[_KEY].merge(snapshots[[*_KEY, "planted", "touched"]], on=_KEY, validate="one_to_one")
        counts = (marks["planted"] | ~marks["touched"]).to_numpy(dtype=bool)
        others = unedited[~unedited["instrument_id"].isin(edited["instrument_id"].unique())]
        rows = pd.concat([edited[counts], others], ignore_index=True)
        planted = np.concatenate([marks["planted"].to_numpy(dtype=bool)[counts], np.zeros(len(others), dtype=bool)])
        rounds.append(PlantedRound(injection.kind, rows, planted))
    return rounds


def _of_same_instrument(rows: pd.DataFrame, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return rows["instrument_id"].isin(rows.loc[chosen, "instrument_id"].unique()).to_numpy(dtype=bool)


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
    precision = average_precision_by_kind(model, model.score, rounds)
    baseline = average_precision_by_kind(model, model.baseline_score, rounds)
    metrics = {
        "holdout_rows": len(scores),
        "anomaly_rate": float((scores > thresholds).mean()),
        "training_anomaly_rate": float(model.manifest["training_anomaly_rate"]),
        "average_precision": _mean(precision),
        "average_precision_by_kind": precision,
        "baseline_average_precision": _mean(baseline),
        "baseline_average_precision_by_kind": baseline,
    }
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
    )
    return EvaluationResult(results_of(asked_gates(tier), context), metrics, scores, thresholds)


def average_precision_by_kind(
    model: Model, score: Callable[[pd.DataFrame], NDArray[np.float64]], rounds: list[PlantedRound]
) -> dict[str, float]:
    """Average precision at finding the planted rows by `score` of the model, a mean over the rounds of each kind."""
    return found_by_kind(rounds, score_rounds(model, score, rounds))


def score_rounds(
    model: Model, score: Callable[[pd.DataFrame], NDArray[np.float64]], rounds: list[PlantedRound]
) -> list[NDArray[np.float64]]:
    """The score of each row of each round, by the model's features."""
    return _score_once(score, [model.select(planted.rows) for planted in rounds]) if rounds else []


def found_by_kind(rounds: list[PlantedRound], scores: list[NDArray[np.float64]]) -> dict[str, float]:
    """Average precision of the scores of each round's rows, a mean over the rounds of each kind."""
    from sklearn.metrics import average_precision_score

    found: dict[str, list[float]] = {}
    for planted, values in zip(rounds, scores, strict=True):
        value = average_precision_score(planted.planted, values)
        found.setdefault(planted.kind, []).append(float(value))
    return {kind: float(np.mean(values)) for kind, values in found.items()}


def _score_once(
    score: Callable[[pd.DataFrame], NDArray[np.float64]], frames: list[pd.DataFrame]
) -> list[NDArray[np.float64]]:
    """Scores of each frame; the rounds share most of their rows, and each distinct row is scored once."""
    rows = pd.concat(frames, ignore_index=True)
    bits = np.ascontiguousarray(rows.to_numpy(dtype=np.float64)).view(np.uint64)
    odd = np.random.default_rng(0).integers(2**63, size=bits.shape[1], dtype=np.uint64) * 2 + 1
    _, firsts, places = np.unique(bits @ odd, return_index=True, return_inverse=True)  # a hash of each row
    if not np.array_equal(bits[firsts][places], bits):  # two rows of one hash
        return [score(frame) for frame in frames]
    scores = score(rows.take(firsts))[places]
    return np.split(scores, np.cumsum([len(frame) for frame in frames])[:-1])


def _mean(by_kind: dict[str, float]) -> float | None:
    """Every kind of anomaly counts alike; None where none was planted."""
    return float(np.mean(list(by_kind.values()))) if by_kind else None
