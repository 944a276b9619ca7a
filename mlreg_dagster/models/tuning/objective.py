"""What a set of parameters is judged by: average precision at planted anomalies, and worth at the flag budget.

Both are shares: of what is to be found, weighted by how early it is found, and of what is flagged, the share that a
crash followed. Step by step: one round of each kind of the newest fold, then the whole of it, then fold after fold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.config.sections.tuning import ObjectiveSettings
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores
from mlreg_dagster.models.evaluation.rounds import PlantedRound, found_by_kind, mean_over_kinds, score_rounds
from mlreg_dagster.models.training import CannotTrain, chosen_features, fit_to, require_enough, rows_to_fit
from mlreg_dagster.models.tuning.material import FoldMaterial

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """What was found so far.

    Attributes:
        planted: Average precision at planted anomalies: kinds count alike, then folds.
        worth: Precision at the flag budget over the folds that have a crash; None where none has.
    """

    planted: float | None
    worth: float | None

    def combined(self, weights: ObjectiveSettings) -> float:
        """The weighted mean; a figure that is undefined on these days is so for every trial, and is left out."""
        parts = [(self.planted, weights.planted), (self.worth, weights.worth)]
        known = [(value, weight) for value, weight in parts if value is not None and weight > 0]
        total = sum(weight for _, weight in known)
        return sum(value * weight for value, weight in known) / total if total else 0.0


@dataclass(frozen=True)
class Fitted:
    """A pipeline that was fitted to a fold, and the features that it sees."""

    pipeline: Pipeline
    features: list[str]

    def select(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The features out of rows that hold more."""
        return rows[self.features]

    def score(self, features: pd.DataFrame) -> Scores:
        """Anomaly scores; higher is more anomalous."""
        return anomaly_scores(self.pipeline, features.to_numpy(dtype=np.float64))

    def score_rounds(self, rounds: Sequence[PlantedRound]) -> list[Scores]:
        """The score of each row of each round."""
        return score_rounds(self, self.score, rounds)

    def worth(self, fold: FoldMaterial, budget: float) -> float | None:
        """Precision at the flag budget among the judged rows; None where no crash is among them."""
        if not fold.crashed.any():
            return None
        return precision_at_budget(self.score(self.select(fold.judged)), fold.crashed, budget)


def fit_fold(settings: ModelSettings, fold: FoldMaterial) -> Fitted:
    """Fit the settings to the training rows of a fold, as a version is fitted to its dataset.

    Raises:
        CannotTrain, CannotLearn: The rows are too few, or a parameter has a value that the detector refuses.
        ConfigError: A parameter that the detector does not have.
    """
    features, rows = chosen_features(fold.train, settings), rows_to_fit(fold.train, settings)
    pipeline = make_pipeline(settings)
    require_enough(rows[features].to_numpy(dtype=np.float64), pipeline, fold.train)
    try:
        return Fitted(fit_to(pipeline, rows, features, fold.train), features)
    except (ValueError, TypeError) as error:
        raise CannotTrain(
            f"{settings.detector} can't be fitted to the {len(rows)} rows {fold.train.day}: {error}"
        ) from error


def steps(settings: ModelSettings, folds: Sequence[FoldMaterial]) -> Iterator[Figures]:
    """The figures after each step; the last ones are those of the trial.

    Raises:
        CannotTrain, CannotLearn, ConfigError: See `fit_fold`.
    """
    planted: list[float] = []
    worth: list[float] = []

    def figures(*so_far: float) -> Figures:
        found = [*planted, *so_far]
        return Figures(_mean(found), _mean(worth))

    for number, fold in enumerate(folds):
        fitted = fit_fold(settings, fold)
        if (found := fitted.worth(fold, settings.flagging.budget)) is not None:
            worth.append(found)
        first = fold.rounds[: fold.first_rounds] if number == 0 else []
        scores = fitted.score_rounds(first)
        if first and len(first) < len(fold.rounds):
            yield figures(mean_over_kinds(found_by_kind(first, scores)))
        scores += fitted.score_rounds(fold.rounds[len(first) :])
        if fold.rounds:
            planted.append(mean_over_kinds(found_by_kind(fold.rounds, scores)))
        yield figures()


def precision_at_budget(scores: Scores, crashed: NDArray[np.bool_], budget: float) -> float:
    """The share of crashes among the rows with the highest scores; equal scores at the end of the budget share it.

    Args:
        scores: Of each row; at least one.
        crashed: Whether a crash followed each.
        budget: Share of the rows that is flagged; one row at least.
    """
    wanted = max(1, round(budget * len(scores)))
    lowest = np.partition(scores, -wanted)[-wanted]
    above, tied = scores > lowest, scores == lowest
    share = (wanted - above.sum()) / tied.sum()
    return float((crashed[above].sum() + share * crashed[tied].sum()) / wanted)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
