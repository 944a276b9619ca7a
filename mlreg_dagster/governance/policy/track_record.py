"""The track record of a version: outcomes, changed data and rollback trials, read from tables for the policy."""

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.changes import changed_hours
from mlreg_dagster.governance.policy.governance import Governance
from mlreg_dagster.governance.policy.in_force import PolicyNotAdopted, rules_of
from mlreg_dagster.governance.policy.judgement import Verdict
from mlreg_dagster.governance.promotion import rollback
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.market.names import UNRESOLVED
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
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
        changed_hours=lambda version: _changed_hours(version, store, tables),
        validate_rollback=lambda model: rollback.validate(model, tables, settings),
        replays_history=replays_history,
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
    by = Attribution(request.actor, now, request.reason)
    return governance.consider(registry.dossier(request.version, request.alias), rules, by).verdict


def _changed_hours(version: ModelVersion, store: ArtifactStore | None, tables: Warehouse) -> int | None:
    """Hours of the training data that changed since they were frozen; None where they can't be compared."""
    if store is None:
        return None
    try:
        changes = changed_hours(store, tables, freezing.TRAINING, version.dataset_day, version.dataset_sha256)
    except (ArtifactMissing, ArtifactTampered):  # a lost dataset must not block a rollback
        return None
    return len(changes.changed)


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
