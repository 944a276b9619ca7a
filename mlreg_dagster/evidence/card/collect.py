"""Collects everything on record of a version, once, from registry, artifacts and tables; nothing is judged here."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.evidence.card.contents.collect import collect_contents
from mlreg_dagster.evidence.card.context import CardContext, Watch
from mlreg_dagster.evidence.card.drift import newest_decision
from mlreg_dagster.evidence.card.sources import sources_of
from mlreg_dagster.evidence.card.standing import standing_of
from mlreg_dagster.evidence.card.way_back import untried_way_back, way_back_from
from mlreg_dagster.evidence.reproduction import Reproduction, reproduce
from mlreg_dagster.governance.policy.in_force import differences, rules_in_force, rules_of
from mlreg_dagster.governance.policy.track_record import challenge_on_record
from mlreg_dagster.governance.promotion.champion_challenger import Challenge
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.artifacts.artifact import MODELS
from mlreg_dagster.models.artifacts.verified import datasets_behind, frozen, loaded
from mlreg_dagster.models.evaluation.attempts import looks_at
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.performance.flagged_share import FlaggedShare, flagged_share, of_champion
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTION_REASONS, PREDICTIONS
from mlreg_dagster.outcomes.worth.record import worth_on_record
from mlreg_dagster.registry import (
    AliasEvent,
    ModelVersion,
    Registry,
)
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_DAYS_OF_REASONS = pd.Timedelta(days=7)


def collect(
    version: ModelVersion,
    registry: Registry,
    store: ArtifactStore,
    tables: Warehouse,
    settings: Settings,
    *,
    now: pd.Timestamp,
    tampering: str | None,
    watch: Watch,
    verify: bool,
    tries: bool = True,
) -> CardContext:
    """Read everything.

    Args:
        version: Of which version.
        registry: Who decided what.
        store: Where model and datasets are.
        tables: Where predictions and outcomes are.
        settings: The configuration files of today.
        now: The current time.
        tampering: What `Registry.find_tampering` says.
        watch: What the graph watches.
        verify: Whether to train it again.
        tries: Whether to load the model and to try the way back, which takes seconds.
    """
    name = version.version
    rules = rules_in_force(registry, rules_of(settings))
    evaluations = registry.evaluations(name)
    holders, champions = registry.aliases(), registry.history(CHAMPION)
    model, problem = loaded(version, store) if tries else (None, None)
    training, *holdout = datasets_behind(version, registry.latest_evaluation(name), store, tables)
    market_until = tables.newest(MARKET_SNAPSHOT)
    predictions, overdue, outcomes = _served(tables, name, market_until, settings)
    return CardContext(
        version=version,
        settings=settings,
        rules=rules,
        policy=registry.policy_in_force(),
        policy_differences=differences(rules, rules_of(settings)),
        now=now,
        evaluations=evaluations,
        looks=looks_at(registry, evaluations[-1].holdout_sha256) if evaluations else None,
        decisions=registry.decisions(name),
        withdrawals=registry.withdrawals(name),
        refusals=[each for each in registry.refusals() if each.version == name],
        moves=[move for alias in holders for move in registry.history(alias) if move.version == name],
        holders=holders,
        standings={
            move.alias: standing_of(registry, move, rules.promotion, now)
            for move in holders.values()
            if move.version == name
        },
        champions=champions,
        traffic=[each for alias in holders for each in registry.traffic_history(alias) if each.candidate == name],
        incidents=[each for each in registry.incidents() if name in (each.links("versions") or [name])],
        suspensions=[
            each
            for each in registry.suspensions()
            if each.version == name or (each.alias in holders and holders[each.alias].version == name)
        ],
        training=training,
        holdout=holdout[0] if holdout else None,
        bundle=frozen(store, MODELS, name, version.artifact_sha256, problem),
        model=model,
        audit=registry.audit_log(),
        tampering=tampering,
        predictions=predictions,
        sources=sources_of(tables, version, market_until, training.lineage),
        market_until=market_until,
        flagged=_flagged(tables, version, holders, settings),
        overdue=overdue,
        outcomes=outcomes,
        drift=newest_decision(tables, name),
        worth=worth_on_record(tables, name, now, settings.outcomes),
        reasons=_reasons(tables, name),
        contest=_contest(tables, name, champions, settings),
        way_back=way_back_from(name, champions, registry, store, tables, settings, rules, tampering=tampering, now=now)
        if tries
        else untried_way_back(name, champions),
        untried=not tries,
        watch=watch,
        reproduction=_reproduction(version, store) if verify else None,
        more=collect_contents(version, registry, store, tables, settings, outcomes),
    )


def _reproduction(version: ModelVersion, store: ArtifactStore) -> Reproduction | str:
    try:
        return reproduce(version, store)
    except MlregError as error:
        return str(error)


def _served(
    tables: Warehouse, version: str, newest: pd.Timestamp | None, settings: Settings
) -> tuple[list[dict[str, Any]], int, pd.DataFrame]:
    """Its predictions by role, how many outcomes of theirs are overdue, and the outcomes."""
    asked: dict[str, object] = {"version": version}
    with tables.session():
        for table in (PREDICTIONS, PREDICTION_OUTCOMES):
            tables.newest(table)  # it is there from now on
        by_role = tables.query(
            "SELECT role, count(*) AS predictions, count(*) FILTER (in_sample) AS in_sample, "  # noqa: S608
            f"min(hour) AS first_hour, max(hour) AS last_hour FROM {PREDICTIONS.name} "
            "WHERE model_version = $version GROUP BY role ORDER BY role",
            asked,
        )
        due = newest - settings.outcomes.horizon_hours * HOUR if newest is not None else pd.Timestamp(0, tz="UTC")
        overdue = tables.query(
            f"SELECT count(*) AS n FROM {PREDICTIONS.name} AS p WHERE model_version = $version AND hour <= $due "  # noqa: S608
            f"AND NOT EXISTS (SELECT 1 FROM {PREDICTION_OUTCOMES.name} AS o WHERE o.prediction_hour = p.hour "
            f"AND o.instrument_id = p.instrument_id AND o.model_version = p.model_version)",
            asked | {"due": due},
        )
        outcomes = tables.query(
            f"SELECT * FROM {PREDICTION_OUTCOMES.name} WHERE model_version = $version ORDER BY hour, instrument_id",  # noqa: S608
            asked,
        )
    outcomes = PREDICTION_OUTCOMES.completed(outcomes)
    return by_role.to_dict("records"), int(overdue["n"].iloc[0]), outcomes  # type: ignore[return-value]


def _reasons(tables: Warehouse, version: str) -> pd.DataFrame:
    with tables.session():
        newest = tables.newest(PREDICTION_REASONS)  # the table is there from now on
        return tables.query(
            f"SELECT * FROM {PREDICTION_REASONS.name} WHERE model_version = $version AND hour > $since "  # noqa: S608
            "ORDER BY hour, instrument_id, rank",
            {"version": version, "since": (newest or pd.Timestamp(0, tz="UTC")) - _DAYS_OF_REASONS},
        )


def _flagged(
    tables: Warehouse, version: ModelVersion, holders: Mapping[str, AliasEvent], settings: Settings
) -> FlaggedShare | None:
    if CHAMPION not in holders or holders[CHAMPION].version != version.version:
        return None
    return of_champion(flagged_share(tables, settings.evaluation), version.version)


def _contest(tables: Warehouse, version: str, champions: Sequence[AliasEvent], settings: Settings) -> Challenge | None:
    if not champions:
        return None
    newest = champions[-1]
    rival = newest.previous_version if newest.version == version else newest.version
    if rival is None:
        return None
    contest = challenge_on_record(tables, version, rival, settings.evaluation.comparison)
    return contest if contest.pairs else None
