"""The track record of a version: outcomes, changed data and rollback trials, read from tables for the policy."""

from datetime import datetime

import pandas as pd

from mlreg_dagster.config import OutcomeSettings, Settings
from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.changes import changed_hours
from mlreg_dagster.governance.policy.governance import Governance
from mlreg_dagster.governance.policy.in_force import PolicyNotAdopted, rules_of
from mlreg_dagster.governance.policy.judgement import Verdict, WorthFound
from mlreg_dagster.governance.promotion import rollback
from mlreg_dagster.governance.promotion.champion_challenger import Challenge, challenge
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.governance.promotion.sequential_comparison import compare_sequentially
from mlreg_dagster.governance.rollout.labels import Comparison
from mlreg_dagster.governance.rollout.outcomes import base_rate, outcomes_of_both
from mlreg_dagster.market.names import UNRESOLVED
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth.record import worth_on_record
from mlreg_dagster.outcomes.worth.verdict import Comparison as WorthComparison
from mlreg_dagster.registry import Attribution, ModelVersion, Registry
from mlreg_dagster.storage.artifacts import ArtifactMissing, ArtifactStore, ArtifactTampered
from mlreg_dagster.storage.warehouse.warehouse import Warehouse


def governance_by(
    settings: Settings, tables: Warehouse, store: ArtifactStore | None = None, *, replays_history: bool = False
) -> Governance:
    """The policy of the configuration, on the evidence of the tables, and of frozen datasets where `store` has them."""
    return Governance(
        files=rules_of(settings),
        matured_outcomes=lambda version: matured_outcomes(tables, version),
        worth=lambda version, rival, as_of: worth_found(tables, version, rival, as_of, settings.outcomes),
        changed_hours=lambda version: _changed_hours(version, store, tables),
        validate_rollback=lambda model: rollback.validate(model, tables, settings),
        replays_history=replays_history,
        base_rate=lambda version, as_of: base_rate(tables, version, as_of),
    )


def verdict_on(
    request: PromotionRequest, settings: Settings, registry: Registry, tables: Warehouse, now: pd.Timestamp
) -> Verdict:
    """What the policy would say of a promotion of an evaluated version; nothing moves.

    Raises:
        GatesNotPassed: It was never evaluated, or failed.
    """
    governance = governance_by(settings, tables)
    try:
        rules = governance.rules(registry, now)
    except PolicyNotAdopted as error:
        return Verdict("refuse", (str(error),))
    by, dossier = Attribution(request.actor, now, request.reason), registry.dossier(request.version, request.alias)
    worth = governance.worth_asked(dossier, rules, min(now, request.effective_time or now))
    return governance.consider(dossier, rules, by, worth=worth).verdict


def _changed_hours(version: ModelVersion, store: ArtifactStore | None, tables: Warehouse) -> int | None:
    """Hours of the training data that changed since they were frozen; None where they can't be compared."""
    if store is None:
        return None
    try:
        changes = changed_hours(store, tables, freezing.TRAINING, version.dataset_day, version.dataset_sha256)
    except (ArtifactMissing, ArtifactTampered):  # a lost dataset must not block a rollback
        return None
    return len(changes.changed)


def worth_found(
    tables: Warehouse, version: str, rival: str | None, as_of: datetime, settings: OutcomeSettings
) -> tuple[WorthFound, ...]:
    """A version against the best simple ranking and the champions, by the days of model_worth that were counted.

    Args:
        tables: Where they are.
        version: The version that asks.
        rival: The champion that it would replace; None where there is none.
        as_of: When it is asked; outcomes that fell due later do not count.
        settings: What a verdict needs.

    Returns:
        Nothing where no day was counted.
    """
    worth = worth_on_record(tables, version, pd.Timestamp(as_of), settings)
    if worth.best is None:
        return ()
    found = [WorthFound(worth.best.opponent, worth.verdict, worth.sentence)]
    if rival is not None:
        found.append(_against_champions(f"the champion ({rival})", worth.against(CHAMPION)))
    return tuple(found)


def _against_champions(name: str, found: WorthComparison | None) -> WorthFound:
    """A version against whichever version was champion at the hours that it shadowed."""
    if found is None or found.precision.value is None or found.precision.opponent is None:
        return WorthFound(name, "unknown", "they have no flags on rows that both scored")
    hits, champions_hits = 100 * found.precision.value, 100 * found.precision.opponent
    because = f": {found.evidence.missing}" if found.evidence.missing else ""
    weeks = f"over {found.weeks} complete weeks{because}"
    detail = f"of 100 flags {hits:.1f} hit a crash, of the champion's {champions_hits:.1f}, {weeks}"
    return WorthFound(name, found.verdict, detail)


def challenge_on_record(tables: Warehouse, challenger: str, champion: str, settings: ComparisonSettings) -> Challenge:
    """Two versions on the outcomes of the predictions that both made, for a single look."""
    return challenge(outcomes_of_both(tables, challenger, champion), challenger, champion, settings)


def compared_on_record(tables: Warehouse, version: str, other: str, settings: ComparisonSettings) -> Comparison:
    """A version against another on the outcomes of the predictions that both made, at any number of looks."""
    return compare_sequentially(outcomes_of_both(tables, version, other), version, other, settings)


def matured_outcomes(tables: Warehouse, version: str) -> int:
    """How many predictions of a version have a resolved outcome and are not in-sample."""
    with tables.session():
        tables.newest(PREDICTION_OUTCOMES)  # the table is there from now on
        counted = tables.query(
            f"SELECT count(*) AS n FROM {PREDICTION_OUTCOMES.name} "  # noqa: S608
            f"WHERE model_version = $version AND NOT in_sample AND outcome <> $unresolved",
            {"version": version, "unresolved": UNRESOLVED},
        )
    return int(counted["n"].iloc[0])
