"""Several detectors as one: the mean of the ranks that they give a row among their training rows."""

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.pipeline import Pipeline

from mlreg_dagster.models.detectors.scoring import anomaly_scores, fit, training_scores

Matrix = NDArray[np.float64]

_STEPS = 256  # of the empirical distribution; between them ranks are interpolated


class RankEnsemble(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """The mean over members of the share of training rows that score lower.

    Scores of different detectors have no common unit, their ranks do (Zimek, Campello and Sander, "Ensembles for
    Unsupervised Outlier Detection", SIGKDD Explorations 2013). The ranks are those among the training scores, frozen
    with the model, so that a row's score does not depend on the rows that are scored with it. Beyond the highest
    training score the rest of the way to 1 is approached, never reached: rows far out keep their order.

    Args:
        members: Unfitted pipelines; each sees the rows as the ensemble gets them.
    """

    def __init__(self, members: Sequence[Pipeline]) -> None:
        self.members = members

    def fit(self, X: Matrix, y: object = None) -> Self:  # noqa: ARG002
        """Fit every member to the rows of `X` (rows x features, no nulls), and keep the quantiles of its scores."""
        self.members_ = [fit(clone(each), X) for each in self.members]
        return self._anchor(X)

    def score_samples(self, X: Matrix) -> Matrix:
        """Minus the mean rank of each row, from -1 to 0: higher is more normal, as in scikit-learn."""
        return -self._mean_rank([anomaly_scores(each, X) for each in self.members_])

    def _anchor(self, X: Matrix) -> Self:
        """Keep the quantiles of the scores that its members give the rows that they were fitted to."""
        found = [training_scores(each, X) for each in self.members_]
        self.quantiles_ = [np.quantile(scores, np.linspace(0, 1, _STEPS + 1)) for scores in found]
        self.highest_rank_ = len(X) / (len(X) + 1)
        self.training_scores_ = self._mean_rank(found)
        return self

    def _mean_rank(self, scores: Sequence[Matrix]) -> Matrix:
        ranks = [rank(each, known, self.highest_rank_) for each, known in zip(scores, self.quantiles_, strict=True)]
        return np.asarray(np.mean(ranks, axis=0))


def anchored(ensemble: RankEnsemble, X: Matrix) -> RankEnsemble:
    """The same members, whose scores are ranked among those that they give the rows of `X` now."""
    return copy(ensemble)._anchor(X)


def rank(scores: Matrix, quantiles: Matrix, highest: float) -> Matrix:
    """The rank of scores among those whose quantiles are known, 0 to 1.

    Args:
        scores: Of rows.
        quantiles: Of the training scores, evenly spaced from the lowest to the highest.
        highest: The rank of the highest training score, below 1.
    """
    levels = np.linspace(0, highest, len(quantiles))
    beyond = np.maximum(scores - quantiles[-1], 0) / tail_width(quantiles)
    return np.asarray(np.interp(scores, quantiles, levels) + (1 - highest) * (1 - 1 / (1 + beyond)))


def tail_width(quantiles: Matrix) -> float:
    """How far beyond the highest training score half of the rest of the way to 1 is covered."""
    width = float(quantiles[-1] - quantiles[len(quantiles) // 2])
    return width if width > 0 else 1.0


def detectors_in(detector: BaseEstimator) -> Iterator[BaseEstimator]:
    """A detector and, of an ensemble, those of its members: fitted ones where it is fitted."""
    yield detector
    if isinstance(detector, RankEnsemble):
        yield from (each[-1] for each in getattr(detector, "members_", detector.members))
