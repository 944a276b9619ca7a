"""Assigns model versions to hours, and scores the rows of those hours.

Champion and challengers are those as of the hour that is scored, not those of today.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.names import CHALLENGER, CHAMPION
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import ArtifactStore

REQUESTED = "requested"
SCORING_ALIASES = (CHAMPION, CHALLENGER)


@dataclass(frozen=True)
class Assignment:
    """Hours that one version scores, `first` and `last` included, and why it does."""

    version: str
    artifact_sha256: str
    role: str
    first: pd.Timestamp
    last: pd.Timestamp


def assign(registry: Registry, hours: pd.DatetimeIndex, requested: Iterable[str]) -> list[Assignment]:
    """Who scores which of `hours`: alias holders as of each hour, then versions asked for by name.

    Args:
        registry: Where the history of the aliases is.
        hours: Consecutive whole hours.
        requested: Version specifiers that are to score all of `hours` as well.

    Raises:
        UnknownVersion: A specifier leads to no version.
    """
    assignments = [
        Assignment(tenure.version, tenure.artifact_sha256, alias, as_hour(tenure.first), as_hour(tenure.last))
        for alias in SCORING_ALIASES
        for tenure in registry.tenures(alias, hours[0], hours[-1])
    ]
    for spec in requested:
        version = registry.resolve(spec)
        assignments.append(Assignment(version.version, version.artifact_sha256, REQUESTED, hours[0], hours[-1]))
    return assignments


def score(
    assignments: Iterable[Assignment],
    features: pd.DataFrame,
    prices: pd.DataFrame,
    store: ArtifactStore,
    remarks: dict[str, list[str]] | None = None,
) -> pd.DataFrame:
    """Predictions of each assigned version for the rows of its hours.

    Args:
        assignments: Earlier ones win where a version is assigned to an hour twice.
        features: Rows of `market_features`.
        prices: hour, instrument_id, price of the same rows.
        store: Where the artifacts are.
        remarks: Filled with the remarks on each version that scores.

    Returns:
        Rows of PREDICTIONS; in_sample where the hour lies before the model may score.

    Raises:
        ArtifactMissing, ArtifactTampered, UntrustedModel: An artifact can't be used.
        FeatureMismatch: The rows lack features that a model was trained on.
        OtherFeatureSettings: The rows were computed with other settings than a model learned from.
    """
    rows = features.merge(prices, on=["hour", "instrument_id"], how="left", validate="one_to_one")
    scored = [PREDICTIONS.empty()]
    for assignment in assignments:
        assigned = rows[rows["hour"].between(assignment.first, assignment.last)]
        if assigned.empty:
            continue
        model = artifact.load(store, assignment.version, assignment.artifact_sha256)
        scores = model.score(model.select(assigned))
        if remarks is not None:
            remarks[assignment.version] = model.remarks
        scored.append(
            assigned[["hour", "instrument_id", "price"]].assign(
                model_version=assignment.version,
                role=assignment.role,
                score=scores,
                threshold=model.threshold,
                is_anomaly=scores > model.threshold,
                in_sample=assigned["hour"] < model.scores_from,
                artifact_sha256=assignment.artifact_sha256,
            )[list(PREDICTIONS.columns)]
        )
    predictions = pd.concat(scored[1:] or scored, ignore_index=True)
    return predictions.drop_duplicates(list(PREDICTIONS.key)).sort_values(list(PREDICTIONS.key), ignore_index=True)
