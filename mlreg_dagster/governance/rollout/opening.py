"""Opens a rollout: what has to hold before a version may be rolled out, and what is fixed for the time of the rollout.

What comes after stands in `control`.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.governance.decisions.authority import fault_of_reason
from mlreg_dagster.governance.policy.governance import Governance
from mlreg_dagster.governance.promotion.permits import not_promoted
from mlreg_dagster.governance.rollout import moves
from mlreg_dagster.governance.rollout.looking import policy_in_force
from mlreg_dagster.governance.rollout.outcomes import BASE_RATE
from mlreg_dagster.governance.rollout.permission import frozen
from mlreg_dagster.governance.rollout.states import ABTest
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.names import CHALLENGER, CHAMPION
from mlreg_dagster.registry import Attribution, Dossier, ModelVersion, Permission, Registry, TrafficEvent
from mlreg_dagster.storage.artifacts import ArtifactStore


class RolloutRefused(MlregError):
    """What was asked of a rollout is against the rules; nothing moved."""


@dataclass(frozen=True)
class RolloutRequest:
    """Which version is to be rolled out.

    Attributes:
        version: `v7`, `latest`, `latest-1` or an alias.
        reason: Why.
        actor: Requested by.
        alias: Whose traffic it is to get.
        expected: The holder that the requester saw; None = the holder at the time of the run.
        test: The A/B test that is asked for; None = it is to become champion.
        effective_at: From when it counts; None = now. The past is for replays alone.
    """

    version: str
    reason: str
    actor: str
    alias: str = CHAMPION
    expected: str | None = None
    test: ABTest | None = None
    effective_at: datetime | None = None


def open_staging(
    registry: Registry,
    store: ArtifactStore,
    governance: Governance,
    candidate: ModelVersion,
    request: RolloutRequest,
    by: Attribution,
) -> TrafficEvent:
    """Open a rollout in the state `staging`, if candidate, policy and time allow it.

    Args:
        registry: Where it is recorded.
        store: Where the artifact is; it must be intact and loadable.
        governance: What it is judged by.
        candidate: The version that the request names.
        request: Which alias it is rolled out for, from when on, and the A/B test that is asked for.
        by: Who starts it, when and why.

    Raises:
        RolloutRefused, PromotionRefused, PromotionHeld, RegistryError: As for `control.start`.
    """
    now, as_of = pd.Timestamp(by.time), pd.Timestamp(request.effective_at or by.time)
    require_present(as_of, by, governance)
    rules = governance.rules(registry, now)
    if fault := fault_of_reason(by.reason, rules.promotion):
        raise RolloutRefused(fault)
    if request.alias == CHALLENGER:
        raise RolloutRefused(
            f"{request.alias} has no rollouts: it goes to the candidate of each, which scores beside the champion. "
            f"`mlreg promote {candidate.version} --alias {request.alias} --reason …` moves it."
        )
    others = [each.alias for each in registry.open_rollouts() if each.alias != request.alias]
    if others:
        raise RolloutRefused(
            f"A rollout of {others[0]} is open, and one candidate at a time scores as {CHALLENGER}. Wait until it has "
            f"ended, or end it: `mlreg rollout abort --alias {others[0]} --reason …`."
        )
    holder = registry.holder(request.alias)
    if holder is not None and holder.version == candidate.version:
        raise RolloutRefused(f"{candidate.version} holds {request.alias} already. Name another version.")
    if holder is None:
        raise RolloutRefused(
            f"No version holds {request.alias}, so there is none to roll {candidate.version} out against. "
            f"`mlreg promote {candidate.version} --reason …` makes it the first one."
        )
    model = artifact.load(store, candidate.version, candidate.artifact_sha256)
    if as_of < model.scores_from:
        raise RolloutRefused(
            f"{candidate.version} may score from {model.scores_from:%Y-%m-%d %H:%M} UTC on, the end of its dataset."
        )
    policy = policy_in_force(registry, governance, now)
    figures = {
        BASE_RATE: governance.base_rate(holder.version, as_of),
        "policy": policy.model_dump(mode="json"),
        "risk_tier": rules.use_case.risk_tier,
        **(request.test.facts if request.test else {}),
    }

    def permit(dossier: Dossier) -> Permission:
        found = governance.consider(dossier, rules, by, worth=(), rolled_out=True)
        if frozen(found.facts) or found.facts.suspended or found.verdict.outcome == "refuse":
            raise not_promoted(candidate.version, dossier.alias, found.verdict)
        return Permission(found.evaluation, {})

    return registry.open_rollout(
        request.alias,
        candidate.version,
        moves.split_of("staging", "open", figures),
        by,
        salt=secrets.token_hex(8),
        expected=request.expected or holder.version,
        effective_at=request.effective_at,
        permit=permit,
    )


def require_present(as_of: datetime, by: Attribution, governance: Governance) -> None:
    """Refuse a change that would count from the past on.

    Raises:
        RolloutRefused: It would, and this is no replay.
    """
    if as_of < by.time and not governance.replays_history:
        raise RolloutRefused(
            f"The traffic can't change as of {as_of:%Y-%m-%d %H:%M} UTC: that is in the past, where only a replay of "
            f"history writes. Leave the time out."
        )
