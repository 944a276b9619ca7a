"""Whether automation starts the rollout of a version where it would have promoted it."""

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.governance.policy.in_force import PolicyNotAdopted
from mlreg_dagster.governance.policy.track_record import governance_by
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.governance.rollout.permission import frozen
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.storage.warehouse.warehouse import Warehouse


def rollout_required(settings: Settings) -> bool:
    """Whether the risk tier lets a version replace the champion by a rollout alone."""
    rollout = settings.promotion.of(settings.use_case.risk_tier).rollout
    return rollout is not None and rollout.required


def objection_to_start(
    request: PromotionRequest, settings: Settings, registry: Registry, tables: Warehouse, now: pd.Timestamp
) -> str | None:
    """Why the rollout of an evaluated version can't be opened now; None if it can.

    Approvals, matured outcomes and worth are not asked for here: the rollout waits for them before the alias moves.

    Raises:
        GatesNotPassed: It was never evaluated, or failed.
    """
    governance = governance_by(settings, tables)
    try:
        rules = governance.rules(registry, now)
    except PolicyNotAdopted as error:
        return str(error)
    by, dossier = Attribution(request.actor, now, request.reason), registry.dossier(request.version, request.alias)
    found = governance.consider(dossier, rules, by, worth=(), rolled_out=True)
    if found.verdict.outcome == "refuse":
        return "; ".join(found.verdict.reasons)
    freeze = frozen(found.facts)
    return None if freeze is None else f"nothing moves now: {freeze}"
