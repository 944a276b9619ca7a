"""Assigns model versions to hours, scores the rows of those hours, and flags them by the policy of each version.

Champion and challengers are those as of the hour that is scored, not those of today. Simple rankings are in `rankings`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from mlreg_dagster.config import FROZEN, FlaggingSettings
from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.manifests import flagging_in, start_up_in
from mlreg_dagster.models.names import CHALLENGER, CHAMPION
from mlreg_dagster.outcomes.predicting.history import History
from mlreg_dagster.outcomes.predicting.moved_thresholds import MovedThresholds
from mlreg_dagster.outcomes.predicting.suspended import Stopped, stopped_versions
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.registry import Registry, Tenure
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


def assign(
    registry: Registry, hours: pd.DatetimeIndex, requested: Iterable[str], stopped: Stopped | None = None
) -> list[Assignment]:
    """Who scores which of `hours`: alias holders as of each hour, then versions asked for by name.

    Args:
        registry: Where the history of the aliases is.
        hours: Consecutive whole hours.
        requested: Version specifiers that are to score all of `hours` as well; an alias is its holder of today.
        stopped: Hours that no holder of an alias scores; None: there are none.

    Raises:
        UnknownVersion: A specifier leads to no version.
    """
    silent = stopped_versions(registry, stopped) if stopped else {}
    assignments = [
        Assignment(tenure.version, tenure.artifact_sha256, alias, first, last)
        for alias in SCORING_ALIASES
        for tenure in registry.tenures(alias, hours[0], hours[-1])
        for first, last in _scored_hours(tenure, silent)
    ]
    for spec in requested:
        version = registry.resolve(spec)
        assignments.append(Assignment(version.version, version.artifact_sha256, REQUESTED, hours[0], hours[-1]))
    return assignments


def _scored_hours(
    tenure: Tenure, silent: Mapping[pd.Timestamp, set[str]]
) -> Iterator[tuple[pd.Timestamp, pd.Timestamp]]:
    """The hours of a tenure without those in which its version scores nothing, piece by piece."""
    first, last = as_hour(tenure.first), as_hour(tenure.last)
    for hour in sorted(hour for hour, versions in silent.items() if tenure.version in versions):
        if first <= hour <= last:
            if first < hour:
                yield first, hour - HOUR
            first = hour + HOUR
    if first <= last:
        yield first, last


def policies_of(registry: Registry, assignments: Iterable[Assignment]) -> list[FlaggingSettings]:
    """The flag policies of the assigned versions."""
    names = dict.fromkeys(each.version for each in assignments)
    return [flagging_in(registry.version(name).manifest) for name in names]


def score(
    assignments: Iterable[Assignment],
    features: pd.DataFrame,
    prices: pd.DataFrame,
    store: ArtifactStore,
    remarks: dict[str, list[str]] | None = None,
    history: History | None = None,
    moved: MovedThresholds | None = None,
) -> pd.DataFrame:
    """Predictions of each assigned version for the rows of its hours.

    Args:
        assignments: Earlier ones win where a version is assigned to an hour twice.
        features: Rows of `market_features`.
        prices: hour, instrument_id, price of the same rows.
        store: Where the artifacts are.
        remarks: Filled with the remarks on each version that scores.
        history: What is on record of these hours and those before them; None: nothing is.
        moved: Frozen thresholds that were moved during a drift; None: none was.

    Returns:
        Rows of PREDICTIONS; in_sample where the hour lies before the model may score.

    Raises:
        ArtifactMissing, ArtifactTampered, UntrustedModel: An artifact can't be used.
        FeatureMismatch: The rows lack features that a model was trained on.
        OtherFeatureSettings: The rows were computed with other settings than a model learned from.
    """
    rows = features.merge(prices, on=["hour", "instrument_id"], how="left", validate="one_to_one")
    if rows.empty:
        return PREDICTIONS.empty()
    history = history or History(None, rows["hour"].min())
    by_version: dict[tuple[str, str], list[Assignment]] = {}
    for assignment in assignments:
        by_version.setdefault((assignment.version, assignment.artifact_sha256), []).append(assignment)
    predictions = [PREDICTIONS.empty()]
    for (version, sha256), assigned in by_version.items():
        parts = [rows[rows["hour"].between(each.first, each.last)].assign(role=each.role) for each in assigned]
        own = pd.concat(parts).drop_duplicates(["hour", "instrument_id"])
        if own.empty:
            continue
        model = artifact.load(store, version, sha256)
        if remarks is not None:
            remarks[version] = model.remarks
        own = own.assign(model_version=version, artifact_sha256=sha256)
        predictions.append(_predictions(model, own, history, moved or MovedThresholds()))
    found = pd.concat(predictions[1:] or predictions, ignore_index=True)
    return found.sort_values(list(PREDICTIONS.key), ignore_index=True)


def _predictions(model: Model, rows: pd.DataFrame, history: History, moved: MovedThresholds) -> pd.DataFrame:
    """Rows of features of one version's hours, scored and flagged."""
    scored = rows.assign(score=model.score(model.select(rows)), in_sample=rows["hour"] < model.scores_from)
    policy, version = flagging_in(model.manifest), str(model.manifest["version"])
    thresholds = history.thresholds(scored, policy, frozen=model.threshold, start=start_up_in(model.manifest))
    if policy.policy == FROZEN.policy:
        follows = ~scored["in_sample"].to_numpy(dtype=bool)
        thresholds[follows] = moved.applied(version, scored["hour"][follows], thresholds[follows])
    flagged = scored.assign(threshold=thresholds, is_anomaly=scored["score"] > thresholds)
    return flagged[list(PREDICTIONS.columns)]
