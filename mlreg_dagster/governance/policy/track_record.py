"""What the tables know of a version, put before the policy."""

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.changes import changed_hours
from mlreg_dagster.governance.policy.in_force import PolicyNotAdopted, rules_of
from mlreg_dagster.governance.policy.judgement import Verdict
from mlreg_dagster.governance.promotion import rollback
from mlreg_dagster.governance.promotion.promotion import Governance
from mlreg_dagster.outcomes.names import UNRESOLVED
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.registry import ModelVersion, Registry
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
    version: str, alias: str, settings: Settings, registry: Registry, tables: Warehouse, actor: str, now: pd.Timestamp
) -> Verdict:
    """What the policy would say if `actor` now asked for an alias for an evaluated version; nothing moves.

    Raises:
        GatesNotPassed: It was never evaluated, or failed.
    """
    governance = governance_by(settings, tables)
    try:
        rules = governance.rules(registry, now)
    except PolicyNotAdopted as error:
        return Verdict("refuse", (str(error),))
    return governance.consider(registry.dossier(version, alias), rules, alias=alias, actor=actor, now=now)[2]


def _changed_hours(version: ModelVersion, store: ArtifactStore | None, tables: Warehouse) -> int | None:
    """Hours of the training data that changed since they were frozen; None where they can't be compared."""
    if store is None:
        return None
    try:
        found = changed_hours(store, tables, freezing.TRAINING, version.dataset_day, version.dataset_sha256)
    except (ArtifactMissing, ArtifactTampered):  # a lost dataset must not keep anybody from going back
        return None
    return len(found.changed)


def matured_outcomes(tables: Warehouse, version: str) -> int:
    """How many predictions of a version have come to an outcome: resolved, and not in-sample."""
    with tables.session():
        tables.newest(PREDICTION_OUTCOMES)  # the table is there from now on
        counted = tables.query(
            f"SELECT count(*) AS n FROM {PREDICTION_OUTCOMES.name} "  # noqa: S608
            f"WHERE model_version = $version AND NOT in_sample AND outcome <> $unresolved",
            {"version": version, "unresolved": UNRESOLVED},
        )
    return int(counted["n"].iloc[0])
