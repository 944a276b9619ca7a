"""The reasons for the scores of rows as arrays: which families raised each score most, and by how much.

It needs neither pandas nor scikit-learn, so that a server answers by it. Rows of the table are made in `explaining`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.models.usual import Usual
from mlreg_dagster.outcomes.reasons.shapley import MOST_FAMILIES, Matrix, shares

_FURTHER = "further"
"""The family of what is beyond the most families that can be told apart."""


@dataclass(frozen=True)
class Attribution:
    """Why rows have their scores.

    Attributes:
        families: Names of all families.
        ranked: rows x named families: places in `families`, the one that raised the score most first.
        strongest: rows x named families: the feature of each that lies the most spreads from its median.
        shares: rows x (named families and the remainder); they sum to the score minus `background`.
        background: The score of a row of training medians.
    """

    families: list[str]
    ranked: NDArray[np.intp]
    strongest: NDArray[np.intp]
    shares: Matrix
    background: float


def attribute(
    score: Callable[[Matrix], Matrix],
    values: Matrix,
    scores: Matrix,
    usual: Usual,
    families: Sequence[str],
    version: str,
    ids: Sequence[str],
    settings: ReasonSettings,
) -> Attribution:
    """The families that raised the score of each row most.

    Args:
        score: Scores of rows x features.
        values: rows x features; nulls are NaN.
        scores: Of these rows, by `score`.
        usual: What the rows are compared with.
        families: Of each feature, by `told_apart`.
        version: Name of the version that scores.
        ids: A name for each row, by `row_id` where it is one of `market_features`; orders are drawn from both names.
        settings: How many families are named, and how many orders are walked.
    """
    distinct = list(dict.fromkeys(families))
    numbers = np.array([distinct.index(name) for name in families])
    found = shares(score, values, scores, usual.medians, numbers, [f"{version} {each}" for each in ids], settings.pairs)
    named = min(settings.families, len(distinct))
    ranked = np.argsort(-found.values, axis=1, kind="stable")[:, :named]
    share = np.empty((len(values), named + 1))
    share[:, :named] = found.values[np.arange(len(values))[:, None], ranked]
    rest = scores - found.background
    for rank in range(named):
        rest = rest - share[:, rank]
    share[:, named] = rest
    return Attribution(distinct, ranked, _strongest(values, usual, numbers, ranked), share, found.background)


def row_id(hour: datetime, instrument: str) -> str:
    """The name of an instrument's hour, as reasons are seeded by it."""
    return f"{hour:%Y-%m-%dT%H} {instrument}"


def told_apart(families: Sequence[str]) -> list[str]:
    """The family of each feature, where there are more than can be told apart those beyond as one."""
    kept = list(dict.fromkeys(families))[: MOST_FAMILIES - 1]
    return [name if name in kept else _FURTHER for name in families]


def _strongest(values: Matrix, usual: Usual, families: NDArray[np.intp], ranked: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of each row's ranked families, the feature that lies the most spreads from its training median."""
    distance = np.abs(values - usual.medians) / usual.spreads
    distance = np.where(np.isnan(distance), -1.0, distance)  # a null lies nowhere
    beyond = np.where(families == ranked[:, :, None], distance[:, None, :], -np.inf)
    return np.asarray(beyond.argmax(axis=2))
