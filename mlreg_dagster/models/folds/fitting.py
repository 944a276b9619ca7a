"""Fits settings to what a fold knows, and scores what it judges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores
from mlreg_dagster.models.evaluation.rounds import PlantedRound, score_rounds
from mlreg_dagster.models.folds.material import Fold
from mlreg_dagster.models.training import CannotTrain, chosen_features, fit_to, known_rows, require_enough, sampled

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A pipeline that was fitted to a fold, and the features that it sees."""

    pipeline: Pipeline
    features: list[str]

    def select(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The features out of rows that hold more."""
        return rows[self.features]

    def score(self, features: pd.DataFrame) -> Matrix:
        """Anomaly scores; higher is more anomalous."""
        return self.score_matrix(features.to_numpy(dtype=np.float64))

    def score_matrix(self, features: Matrix) -> Matrix:
        """The same of plain numbers."""
        return anomaly_scores(self.pipeline, features)

    def score_rounds(self, rounds: Sequence[PlantedRound]) -> list[Matrix]:
        """The score of each row of each round."""
        return score_rounds(self, self.score, rounds)

    def worth(self, fold: Fold, budget: float) -> float | None:
        """Precision at the flag budget among the judged rows; None where no crash is among them."""
        if not fold.crashed.any():
            return None
        return fold.worth(self.score(self.select(fold.judged)), budget)


def fit_fold(settings: ModelSettings, fold: Fold, rows: pd.DataFrame | None = None) -> Fitted:
    """Fit the settings to the training rows of a fold, as a version is fitted to its dataset.

    Args:
        settings: What is fitted.
        fold: To whose rows.
        rows: Some of those that `known_rows` gives, in place of all.

    Raises:
        CannotTrain, CannotLearn: The rows are too few, or a parameter has a value that the detector refuses.
        ConfigError: A parameter that the detector does not have.
    """
    features = chosen_features(fold.train, settings)
    chosen = sampled(known_rows(fold.train, settings) if rows is None else rows, settings)
    pipeline = make_pipeline(settings)
    require_enough(chosen[features].to_numpy(dtype=np.float64), pipeline, fold.train)
    try:
        return Fitted(fit_to(pipeline, chosen, features, fold.train), features)
    except (ValueError, TypeError) as error:
        raise CannotTrain(
            f"{settings.detector} can't be fitted to the {len(chosen)} rows {fold.train.day}: {error}"
        ) from error
