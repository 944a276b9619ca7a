"""What models lose when a family of features is permuted, over refits and folds; and how stable their order is.

Permutation importance (Breiman, "Random Forests", 2001) of families: what of a feature its lags and windows would tell
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

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.models.folds.fitting import fit_fold
from mlreg_dagster.models.folds.material import Fold
from mlreg_dagster.models.folds.precision import precision_at_budget
from mlreg_dagster.models.importance import drops_in_precision, mean_with_interval, permuted
from mlreg_dagster.models.training import known_rows

Matrix = NDArray[np.float64]

_SEED = 2010


@dataclass(frozen=True)
class Drops:
    """What permuting a family costs in each refit.

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


def matrix_of(rows: pd.DataFrame, features: Sequence[str]) -> Matrix:
    """Rows of features as numbers."""
    return rows[list(features)].to_numpy(dtype=np.float64)


def drops_by_family(
    folds: Sequence[Fold], families: Mapping[str, str], settings: ModelSettings, refits: int
) -> dict[str, Drops]:
    """Permute each family in each refit of each fold.

    Args:
        folds: Of the training days.
        families: That of each feature.
        settings: What is fitted; its flag budget is that of the worth.
        refits: To halves of the hours of each fold.

    Raises:
        CannotTrain: A half has too few rows.
    """
    features, groups, budget = list(families), list(families.values()), settings.flagging.budget
    precision: dict[str, list[Matrix]] = {family: [] for family in dict.fromkeys(groups)}
    worth: dict[str, list[list[float]]] = {family: [] for family in precision}
    for number, fold in enumerate(folds):
        halves = _halves(known_rows(fold.train, settings), number, refits)
        chosen = {"features": tuple(features)}
        fitted = [
            fit_fold(settings.model_copy(update={**chosen, "seed": settings.seed + refit}), fold, half)
            for refit, half in enumerate(halves)
        ]
        scorers = [each.score_matrix for each in fitted]
        values = matrix_of(fold.judged, features)
        planted = [matrix_of(each.rows[each.planted], features) for each in fold.rounds]
        for family, found in drops_in_precision(scorers, values, planted, groups)[1].items():
            precision[family].append(found)
        crashed = fold.crashed
        if not crashed.any():
            continue
        whole = [precision_at_budget(score(values), crashed, budget) for score in scorers]
        for family in worth:
            changed = permuted(values, values, groups, family)
            worth[family].append(
                [
                    each - precision_at_budget(score(changed), crashed, budget)
                    for each, score in zip(whole, scorers, strict=True)
                ]
            )
    kinds = np.array([each.kind for fold in folds for each in fold.rounds])
    return {
        family: Drops(
            np.concatenate(found, axis=1),
            kinds,
            np.array(worth[family]).T if worth[family] else np.empty((refits, 0)),
            np.array([each.mean(axis=1) for each in found]).T,
        )
        for family, found in precision.items()
    }


def top_shares(drops: Mapping[str, Drops], top: int) -> dict[str, float]:
    """How often each family is among the first `top`, over refits and folds; those that share a place all count."""
    units = np.array([each.by_unit.ravel() for each in drops.values()])  # families x units
    above = (units[np.newaxis] > units[:, np.newaxis]).sum(axis=1)  # how many drop more, of each family in each unit
    return dict(zip(drops, (above < top).mean(axis=1).tolist(), strict=True))


def rank_correlation(drops: Mapping[str, Drops]) -> float | None:
    """Spearman's correlation of the order of families in two refits, the mean over all pairs; None: there is none."""
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
