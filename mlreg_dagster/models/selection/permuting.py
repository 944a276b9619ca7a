"""What models lose when a group of features is permuted, over refits and folds; and how stable the order of groups is.

Permutation importance (Breiman, "Random Forests", 2001) of groups: what of a feature its lags and windows would tell
is permuted with it (Molnar, "Interpretable Machine Learning", section on grouped permutation). Each refit learns from
half of the hours of its fold, drawn without replacement, as in stability selection (Meinshausen and Bühlmann, JRSS B
2010): what is among the first only for some halves is chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores
from mlreg_dagster.models.importance import Score, drops_in_precision, mean_with_interval, permuted
from mlreg_dagster.models.selection.folds import Fold, precision_at_budget
from mlreg_dagster.models.training import CannotTrain, fit_to, require_enough, sampled

Matrix = NDArray[np.float64]

_SEED = 2010


@dataclass(frozen=True)
class Drops:
    """What permuting a group costs in each refit.

    Attributes:
        precision: Drop in average precision at finding planted anomalies, refits x rounds of all folds.
        kinds: Of each round.
        worth: Drop in precision at the flag budget, refits x folds in which crashes are known.
        by_unit: Mean drop in average precision of each refit in each fold.
    """

    precision: Matrix
    kinds: NDArray[np.str_]
    worth: Matrix
    by_unit: Matrix

    def in_precision(self, confidence: float) -> tuple[float, float | None, float | None]:
        """Mean and interval."""
        return mean_with_interval(self.precision, self.kinds, confidence)

    def in_worth(self, confidence: float) -> tuple[float | None, float | None, float | None]:
        """Mean and interval; nothing where no crash is known."""
        if not self.worth.shape[1]:
            return None, None, None
        return mean_with_interval(self.worth, np.array(["crash"] * self.worth.shape[1]), confidence)


def fitted(
    rows: pd.DataFrame, features: Sequence[str], settings: ModelSettings, dataset: Dataset, where: str
) -> Pipeline:
    """Fit a detector to rows of a fold.

    Raises:
        CannotTrain: The rows are too few, or all alike.
    """
    chosen, pipeline, names = sampled(rows, settings), make_pipeline(settings), list(features)
    require_enough(matrix_of(chosen, names), pipeline, dataset)
    try:
        return fit_to(pipeline, chosen, names, dataset)
    except (ValueError, TypeError) as error:
        raise CannotTrain(
            f"{settings.detector} can't be fitted to the {len(chosen)} rows before {where}: {error}. Lower --folds, or "
            f"take a dataset of more hours."
        ) from error


def matrix_of(rows: pd.DataFrame, features: Sequence[str]) -> Matrix:
    """Rows of features as numbers."""
    return rows[list(features)].to_numpy(dtype=np.float64)


def drops_by_group(
    folds: Sequence[Fold],
    features: Sequence[str],
    groups: Sequence[str],
    settings: ModelSettings,
    dataset: Dataset,
    refits: int,
) -> dict[str, Drops]:
    """Permute each group in each refit of each fold.

    Args:
        folds: Of the training days.
        features: Names of the columns.
        groups: That of each.
        settings: What is fitted; its flag budget is that of the worth.
        dataset: Of the folds.
        refits: To halves of the hours of each fold.

    Raises:
        CannotTrain: A half has too few rows.
    """
    precision: dict[str, list[Matrix]] = {group: [] for group in dict.fromkeys(groups)}
    worth: dict[str, list[list[float]]] = {group: [] for group in precision}
    for number, fold in enumerate(folds):
        pipelines = [
            fitted(
                half, features, settings.model_copy(update={"seed": settings.seed + refit}), dataset, f"{fold.first:%F}"
            )
            for refit, half in enumerate(_halves(fold.known, number, refits))
        ]
        scorers = [_scorer(each) for each in pipelines]
        values = matrix_of(fold.judged, features)
        planted = [matrix_of(each.rows[each.planted], features) for each in fold.rounds]
        for group, found in drops_in_precision(scorers, values, planted, groups)[1].items():
            precision[group].append(found)
        if precision_at_budget(np.zeros(len(values)), fold.crashed, settings.flagging.budget) is None:
            continue
        whole = [_worth(score(values), fold, settings) for score in scorers]
        for group in worth:
            changed = permuted(values, values, groups, group)
            worth[group].append(
                [each - _worth(score(changed), fold, settings) for each, score in zip(whole, scorers, strict=True)]
            )
    kinds = np.array([each.kind for fold in folds for each in fold.rounds])
    return {
        group: Drops(
            np.concatenate(found, axis=1),
            kinds,
            np.array(worth[group]).T if worth[group] else np.empty((refits, 0)),
            np.array([each.mean(axis=1) for each in found]).T,
        )
        for group, found in precision.items()
    }


def top_shares(drops: Mapping[str, Drops], top: int) -> dict[str, float]:
    """How often each group is among the first `top`, over refits and folds; ties count for those that share a place."""
    units = np.array([each.by_unit.ravel() for each in drops.values()])  # groups x units
    above = (units[np.newaxis] > units[:, np.newaxis]).sum(axis=1)  # how many drop more, of each group in each unit
    return dict(zip(drops, (above < top).mean(axis=1).tolist(), strict=True))


def rank_correlation(drops: Mapping[str, Drops]) -> float | None:
    """Spearman's correlation of the order of groups in two refits, the mean over all pairs; None: there is none."""
    from scipy.stats import rankdata

    ranks = np.apply_along_axis(rankdata, 0, np.array([each.by_unit.mean(axis=1) for each in drops.values()]))
    pairs = [
        float(np.corrcoef(ranks[:, left], ranks[:, right])[0, 1])
        for left, right in combinations(range(ranks.shape[1]), 2)
        if np.ptp(ranks[:, left]) > 0 and np.ptp(ranks[:, right]) > 0
    ]
    return float(np.mean(pairs)) if pairs else None


def _halves(rows: pd.DataFrame, fold: int, refits: int) -> list[pd.DataFrame]:
    hours = np.sort(rows["hour"].unique())
    halves = []
    for refit in range(refits):
        rng = np.random.default_rng([_SEED, fold, refit])
        chosen = rng.choice(len(hours), max(1, len(hours) // 2), replace=False)
        halves.append(rows[rows["hour"].isin(hours[np.sort(chosen)])])
    return halves


def _scorer(pipeline: Pipeline) -> Score:
    return lambda rows: anomaly_scores(pipeline, rows)


def _worth(scores: Matrix, fold: Fold, settings: ModelSettings) -> float:
    found = precision_at_budget(scores, fold.crashed, settings.flagging.budget)
    assert found is not None  # noqa: S101  # asked before
    return found
