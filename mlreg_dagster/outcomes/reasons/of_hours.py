"""Which predictions of an hour get reasons, their reasons, and whether stored reasons fit their predictions.

The arithmetic is in `shapley`; simple rankings have no reasons: each is made of one column.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.names import CHALLENGER, CHAMPION
from mlreg_dagster.outcomes.reasons.explaining import explain
from mlreg_dagster.outcomes.schema import PREDICTION_REASONS
from mlreg_dagster.storage.artifacts import ArtifactStore

TOLERANCE = 1e-12
"""By how much shares may miss their score, relative to the larger of score and background where that is above 1."""

_ROW = ["hour", "instrument_id"]
_PREDICTION = [*_ROW, "model_version"]


class NotToExplain(MlregError):
    """Predictions whose features are not there any more."""


@dataclass(frozen=True)
class Agreement:
    """How reasons fit the predictions of the same hours.

    Attributes:
        flags: Flagged predictions that are to be explained.
        unexplained: Of these, without reasons.
        stray: Explained predictions that were not flagged.
        differing: Explained predictions whose shares do not sum to their score.
    """

    flags: int
    unexplained: int
    stray: int
    differing: int

    @property
    def holds(self) -> bool:
        """Whether each flag has its reasons, and nothing else has."""
        return not (self.unexplained or self.stray or self.differing)


def flagged(predictions: pd.DataFrame) -> pd.DataFrame:
    """The predictions that get reasons: flagged by champion or challenger."""
    return predictions[predictions["is_anomaly"] & predictions["role"].isin([CHAMPION, CHALLENGER])]


def reasons_of(
    predictions: pd.DataFrame, features: pd.DataFrame, store: ArtifactStore, settings: ReasonSettings
) -> pd.DataFrame:
    """The reasons for the flags among predictions.

    Args:
        predictions: Rows of PREDICTIONS.
        features: Rows of `market_features` of the same hours.
        store: Where the artifacts are.
        settings: How many families are named, and how many orders are walked.

    Returns:
        Rows of PREDICTION_REASONS, ordered by key; none where reasons are switched off.

    Raises:
        NotToExplain: A flagged prediction has no row of features any more.
        ArtifactMissing, ArtifactTampered, UntrustedModel: An artifact can't be used.
        FeatureMismatch, OtherFeatureSettings: The features are not those that a model was trained on.
    """
    found = [PREDICTION_REASONS.empty()]
    if settings.pairs:
        for (version, sha256), rows in flagged(predictions).groupby(["model_version", "artifact_sha256"]):
            chosen = features.merge(rows[_ROW], on=_ROW, validate="one_to_one")
            if len(chosen) < len(rows):
                raise NotToExplain(
                    f"{len(rows) - len(chosen)} flagged predictions of {version}, from "
                    f"{rows['hour'].min():%Y-%m-%d %H:%M} on, have no row of market_features. Materialize "
                    f"market_features and predictions for these hours again."
                )
            found.append(explain(artifact.load(store, str(version), str(sha256)), chosen, settings))
    reasons = pd.concat(found[1:] or found, ignore_index=True)
    return reasons.sort_values(list(PREDICTION_REASONS.key), ignore_index=True)


def compare(predictions: pd.DataFrame, reasons: pd.DataFrame) -> Agreement:
    """Hold reasons against the predictions of the same hours."""
    flags = flagged(predictions)[[*_PREDICTION, "score"]]
    if flags.empty and reasons.empty:  # two frames without a row have no text by which pandas could merge them
        return Agreement(flags=0, unexplained=0, stray=0, differing=0)
    sums = reasons.groupby(_PREDICTION, as_index=False).agg(
        total=("share", "sum"), score_at_medians=("score_at_medians", "first")
    )
    both = flags.merge(sums, on=_PREDICTION, how="outer", indicator=True, validate="one_to_one")
    explained = both[both["_merge"] == "both"]
    size = np.maximum(explained[["score", "score_at_medians"]].abs().max(axis=1), 1.0)
    missed = (explained["total"] + explained["score_at_medians"] - explained["score"]).abs()
    return Agreement(
        flags=len(flags),
        unexplained=int((both["_merge"] == "left_only").sum()),
        stray=int((both["_merge"] == "right_only").sum()),
        differing=int((missed > TOLERANCE * size).sum()),
    )
