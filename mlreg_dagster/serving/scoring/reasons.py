"""The reasons for scores that are asked for online: the same as those of the hourly `prediction_reasons`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.manifests import families_in, usual_in
from mlreg_dagster.outcomes.names import REMAINDER
from mlreg_dagster.outcomes.reasons.attribution import attribute, told_apart

Matrix = NDArray[np.float64]


class NoReasons(MlregError):
    """A version, or a configuration, without reasons."""


@dataclass(frozen=True)
class Reason:
    """What one family of features adds to a score; the last one of a row stands for all that are not named.

    Attributes:
        rank: 1 for the family that raised the score most.
        family: Its name; `remainder` for those that are not named.
        share: What it adds to the score.
        feature: The one of the family that lies farthest from its training median; None for the remainder.
        value: Of that feature; None where it is null.
        training_median: Of that feature.
        score_at_medians: Of a row of training medians: the shares of a row sum to its score minus this.
    """

    rank: int
    family: str
    share: float
    feature: str | None
    value: float | None
    training_median: float | None
    score_at_medians: float


@dataclass(frozen=True)
class Explainer:
    """What reasons for the scores of a version need.

    Attributes:
        version: Its name.
        features: Names of its features.
        manifest: Holds what is usual in its training rows.
        settings: How many families are named, and how many orders are walked.
    """

    version: str
    features: Sequence[str]
    manifest: Mapping[str, Any]
    settings: ReasonSettings

    def explain(
        self, score: Callable[[Matrix], Matrix], X: Matrix, scores: Matrix, ids: Sequence[str]
    ) -> list[list[Reason]]:
        """The reasons of each row.

        Raises:
            NoReasons: There are none.
        """
        usual, families = usual_in(self.manifest), families_in(self.manifest)
        if not self.settings.pairs:
            raise NoReasons("Reasons are switched off (pairs in outcomes.yaml is 0).")
        if usual is None or families is None:
            raise NoReasons(
                f"{self.version} was trained by a release that did not keep what is usual in its training rows, so its "
                f"scores can't be explained online. The hourly prediction_reasons explain its flags; or train a new "
                f"version."
            )
        if not len(X):
            return []
        found = attribute(score, X, scores, usual, told_apart(families), self.version, ids, self.settings)
        return [
            [
                *(
                    Reason(
                        rank=rank + 1,
                        family=found.families[found.ranked[row, rank]],
                        share=float(found.shares[row, rank]),
                        feature=self.features[place],
                        value=None if np.isnan(X[row, place]) else float(X[row, place]),
                        training_median=float(usual.medians[place]),
                        score_at_medians=found.background,
                    )
                    for rank, place in enumerate(found.strongest[row])
                ),
                Reason(
                    rank=found.shares.shape[1],
                    family=REMAINDER,
                    share=float(found.shares[row, -1]),
                    feature=None,
                    value=None,
                    training_median=None,
                    score_at_medians=found.background,
                ),
            ]
            for row in range(len(X))
        ]
