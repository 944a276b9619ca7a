"""Whether automation starts the rollout of a version where it would have promoted it."""

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.governance.policy.in_force import PolicyNotAdopted
from mlreg_dagster.governance.policy.judgement import FREEZE
from mlreg_dagster.governance.policy.track_record import governance_by
from mlreg_dagster.governance.promotion.request import PromotionRequest
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

    What a promotion waits for (approvals, matured outcomes, worth) may come while it goes on.

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
    if found.facts.frozen is not None and FREEZE not in (found.facts.waived or {}):
        return f"nothing moves now: {found.facts.frozen}"
    return None
