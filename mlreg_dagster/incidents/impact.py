"""The blast radius of an hour of the market: what rests on it, from frozen datasets to answers of servers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import as_hour, as_time
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING
from mlreg_dagster.incidents.frozen import DatasetImpact, Relation, datasets_on
from mlreg_dagster.incidents.reach import reach_of, reach_of_features
from mlreg_dagster.incidents.rows import Rows, StoredRows, versions_in, was_observed
from mlreg_dagster.models.names import CHALLENGER, CHAMPION
from mlreg_dagster.registry import AliasEvent, ModelVersion, Registry
from mlreg_dagster.registry.as_of import RegistryAsOf
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.reader import Tables

ONE_STEP = (
    "Thresholds are followed for one window: later flags can rest on these through the bounds of a flag policy, and on "
    "thresholds that a drift decision moved. The all-time high of later hours is not followed."
)


class UnknownInstrument(MlregError):
    """An instrument that neither a table nor a dataset after the hour has ever seen: nothing could rest on it."""


@dataclass(frozen=True)
class EvaluationImpact:
    """An evaluation on a holdout that rests on the hour.

    Attributes:
        evaluation: Its number.
        holdout_day: Of the holdout.
        passed: Whether all gates passed.
        is_experiment: Whether it admits nothing.
    """

    evaluation: int
    holdout_day: str
    passed: bool
    is_experiment: bool


@dataclass(frozen=True)
class VersionImpact:
    """A version that was trained or evaluated on the hour.

    Attributes:
        version: Its name.
        trained: How its training dataset rests on the hour; None: it doesn't.
        dataset_day: Of its training dataset.
        evaluations: Those that rest on the hour.
    """

    version: str
    trained: Relation | None
    dataset_day: str
    evaluations: tuple[EvaluationImpact, ...]


@dataclass(frozen=True)
class ReignImpact:
    """A time in which a version held an alias, and that rests on the hour.

    Attributes:
        alias: Which alias.
        version: Who held it.
        first: From when on.
        until: Until when; None: it holds it.
        trained: The version was trained on the hour.
        admitted: The evaluation that let it in rests on the hour.
        predicted_hours: Hours of its reign whose predictions rest on the hour through a feature or a threshold.
    """

    alias: str
    version: str
    first: datetime
    until: datetime | None
    trained: bool
    admitted: bool
    predicted_hours: int


@dataclass(frozen=True)
class RolloutImpact:
    """A rollout whose evidence by outcomes rests on the hour.

    Attributes:
        alias: Whose traffic it splits.
        rollout: Its number.
        champion: The version that held the alias.
        candidate: The other one.
        state: Its newest state.
        opened: When it was opened.
        ended: When it ended; None: it is open.
        resting: Pairs that rest on the hour, by label, price, score, threshold or model of one of the two.
        pairs: All its pairs.
    """

    alias: str
    rollout: int
    champion: str
    candidate: str
    state: str
    opened: datetime
    ended: datetime | None
    resting: int
    pairs: int


@dataclass(frozen=True)
class Impact:
    """All that rests on an hour of the market.

    Attributes:
        hour: The hour.
        instrument: The instrument whose row is in question; None: all.
        datasets: Frozen datasets.
        versions: Versions that were trained or evaluated on these.
        feature_hours: Hours of features.
        feature_rows: Rows of features.
        predictions: Predictions, by version and ranking.
        reasons: Predictions with reasons on record, likewise.
        outcomes: Outcomes of predictions, likewise.
        reigns: Of champion and challenger.
        rollouts: Of any alias.
        served: Answers of servers, by row.
        remarks: What could not be looked at, and what is not followed.
    """

    hour: pd.Timestamp
    instrument: str | None
    datasets: Sequence[DatasetImpact]
    versions: Sequence[VersionImpact]
    feature_hours: int
    feature_rows: int
    predictions: Sequence[Rows]
    reasons: Sequence[Rows]
    outcomes: Sequence[Rows]
    reigns: Sequence[ReignImpact]
    rollouts: Sequence[RolloutImpact]
    served: Sequence[Rows]
    remarks: Sequence[str]


def impact_of(
    hour: pd.Timestamp,
    instrument: str | None,
    registry: Registry,
    tables: Tables,
    store: ArtifactStore,
    settings: Settings,
    as_of: datetime | None = None,
) -> Impact:
    """Look for everything that rests on an hour. It is judged by the clock: whether a row would change is not computed.

    Args:
        hour: The hour of the market.
        instrument: The instrument whose row is in question; None: all.
        registry: Versions, evaluations, aliases and rollouts.
        tables: Features, predictions, outcomes and answers.
        store: Frozen datasets.
        settings: What features and outcomes are made with.
        as_of: What was there by then alone: the registry as of it, datasets of days that had ended, rows of hours up
            to it, outcomes due by it. None: all.

    Raises:
        UnknownInstrument: It was never observed.
    """
    if as_of is not None:
        registry = RegistryAsOf(registry, as_of)
    remarks: list[str] = []
    datasets = list(datasets_on(store, tables, hour, instrument, remarks, as_of))
    if instrument is not None and not datasets and not was_observed(tables, instrument):
        raise UnknownInstrument(
            f"{instrument} is in no hour of the tables, and in no dataset after {hour:%Y-%m-%d %H:%M}. Name an "
            f"instrument_id as market_snapshot has it."
        )
    known = {each.version: each for each in registry.versions()}
    versions = [each for each in (_version(registry, model, datasets) for model in known.values()) if each]
    trained = {each.version for each in versions if each.trained}
    reaches = {name: reach_of(name, known, settings) for name in sorted(versions_in(tables, hour, as_of) | trained)}
    rows = StoredRows(tables, hour, instrument, reaches, trained, settings.outcomes, as_of)
    reach, shared = reach_of_features(settings.features)
    feature_hours, feature_rows = rows.features(reach, is_shared=shared)
    return Impact(
        hour=hour,
        instrument=instrument,
        datasets=datasets,
        versions=versions,
        feature_hours=feature_hours,
        feature_rows=feature_rows,
        predictions=rows.predictions(),
        reasons=rows.reasons(),
        outcomes=rows.outcomes(),
        reigns=_reigns(registry, versions, rows.predicted_hours()),
        rollouts=_rollouts(registry, rows),
        served=rows.served(),
        remarks=[*remarks, ONE_STEP],
    )


def _version(registry: Registry, model: ModelVersion, datasets: Iterable[DatasetImpact]) -> VersionImpact | None:
    by_sha = {(each.kind, each.sha256): each for each in datasets}
    training = by_sha.get((TRAINING, model.dataset_sha256))
    evaluated = registry.evaluations(model.version) if any(kind == HOLDOUT for kind, _ in by_sha) else ()
    evaluations = tuple(
        EvaluationImpact(each.id, holdout.day, each.passed, each.is_experiment)
        for each in evaluated
        if (holdout := by_sha.get((HOLDOUT, each.holdout_sha256)))
    )
    if training is None and not evaluations:
        return None
    return VersionImpact(model.version, training.relation if training else None, model.dataset_day, evaluations)


def _reigns(registry: Registry, versions: Iterable[VersionImpact], predicted: pd.DataFrame) -> list[ReignImpact]:
    trained = {each.version for each in versions if each.trained}
    evaluations = {found.evaluation for each in versions for found in each.evaluations}
    reigns: list[ReignImpact] = []
    for alias in (CHAMPION, CHALLENGER):
        moves: list[AliasEvent | None] = [*registry.history(alias), None]
        for move, following in pairwise(moves):
            assert move is not None  # noqa: S101 - only the last one is
            until = following.effective_at if following else None
            own = predicted[(predicted["model_version"] == move.version) & (predicted["role"] == alias)]
            within = (own["hour"] >= move.effective_at) & (until is None or own["hour"] < until)
            reign = ReignImpact(
                alias=alias,
                version=move.version,
                first=move.effective_at,
                until=until,
                trained=move.version in trained,
                admitted=move.evaluation_id in evaluations,
                predicted_hours=int(own.loc[within, "hour"].nunique()),
            )
            if reign.trained or reign.admitted or reign.predicted_hours:
                reigns.append(reign)
    return reigns


def _rollouts(registry: Registry, rows: StoredRows) -> list[RolloutImpact]:
    found = []
    for alias in registry.aliases():
        for number, changes in groupby(registry.traffic_history(alias), key=lambda each: each.rollout):
            events = list(changes)
            first, last = events[0], events[-1]
            ended = None if last.is_open else last.effective_at
            opened = as_time(first.effective_at).ceil("h")
            until = None if ended is None else as_hour(as_time(ended).floor("h"))
            resting, pairs = rows.pairs(first.candidate, first.champion, opened, until)
            if resting:
                standing = (first.champion, first.candidate, last.state, first.effective_at, ended)
                found.append(RolloutImpact(alias, number, *standing, resting, pairs))
    return found
