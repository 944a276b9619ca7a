"""What a set of parameters is judged by: average precision at planted anomalies, and worth at the flag budget.

Both are shares: of what is to be found, weighted by how early it is found, and of what is flagged, the share that a
crash followed. Step by step: one round of each kind of the newest fold, then the whole of it, then fold after fold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.config.sections.tuning import ObjectiveSettings
from mlreg_dagster.models.evaluation.rounds import found_by_kind, mean_over_kinds
from mlreg_dagster.models.folds.fitting import fit_fold
from mlreg_dagster.models.folds.material import Fold


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


def steps(settings: ModelSettings, folds: Sequence[Fold]) -> Iterator[Figures]:
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


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
