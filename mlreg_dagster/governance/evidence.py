"""What the tables know of a version, put before the policy."""

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.governance import rollback
from mlreg_dagster.governance.policy import Verdict
from mlreg_dagster.governance.promotion import Governance
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, UNRESOLVED
from mlreg_dagster.storage.registry import Registry
from mlreg_dagster.storage.registry.rules import passed_evaluation
from mlreg_dagster.storage.warehouse import Warehouse


def governance_by(settings: Settings, tables: Warehouse) -> Governance:
    """The policy of the configuration, on the evidence of the tables."""
    return Governance(
        policy=settings.promotion,
        use_case=settings.use_case,
        matured_outcomes=lambda version: matured_outcomes(tables, version),
        validate_rollback=lambda model: rollback.validate(model, tables, settings),
    )


def verdict_on(
    version: str, alias: str, settings: Settings, registry: Registry, tables: Warehouse, actor: str, now: pd.Timestamp
) -> Verdict:
    """What the policy would say if `actor` now asked for an alias for an evaluated version; nothing moves.

    Raises:
        GatesNotPassed: It was never evaluated, or failed.
    """
    model, evaluations = registry.version(version), registry.evaluations(version)
    _, verdict = governance_by(settings, tables).consider(
        model,
        passed_evaluation(version, evaluations),
        registry.decisions(version),
        registry.history(alias),
        actor=actor,
        now=now,
    )
    return verdict


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
