"""The moves of aliases that belong to the steps of a rollout, and what each state gives to the candidate.

When they are made is decided in `control`. `as_of` is the replayed time from which a move counts; None: now.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mlreg_dagster.governance.policy.governance import Governance
from mlreg_dagster.governance.policy.in_force import Rules, rules_now
from mlreg_dagster.governance.promotion.permits import by_policy, of_former_champion
from mlreg_dagster.governance.rollout.permission import holds
from mlreg_dagster.governance.rollout.states import SHADOWED, ABTest, State, weight_in
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.names import CHALLENGER
from mlreg_dagster.registry import Attribution, Permit, Registry, Split, TrafficEvent
from mlreg_dagster.registry.permit import permit_passed
from mlreg_dagster.registry.records.traffic import ROLLED_BACK
from mlreg_dagster.registry.rules import former_holders
from mlreg_dagster.storage.artifacts import ArtifactStore


def split_of(state: State, ruling: str, figures: Mapping[str, Any], test: ABTest | None = None) -> Split:
    """What a state gives to the candidate; an A/B test gives what was asked for."""
    return Split(state, weight_in(state, test), state in SHADOWED, ruling, figures)


def shadow(
    registry: Registry,
    governance: Governance,
    rules: Rules,
    event: TrafficEvent,
    judged_by: Attribution,
    by: Attribution,
    as_of: datetime | None = None,
) -> None:
    """Let the candidate score beside the champion, by the same rules as any challenger; nothing where it does.

    Raises:
        PromotionHeld, PromotionRefused: The policy does not let it.
    """
    if holds(registry, CHALLENGER, event.candidate):
        return
    dossier = registry.dossier(event.candidate, CHALLENGER)
    due = as_of or by.time
    permit = by_policy(dossier, governance, rules, judged_by, as_of=due, rollback=None, rollout=event.rollout)
    _take_challenger(registry, event.candidate, by, permit, as_of)


def pair(
    registry: Registry, governance: Governance, event: TrafficEvent, by: Attribution, as_of: datetime | None = None
) -> None:
    """Let the former champion score beside a candidate that has all traffic, so that outcomes of both go on.

    Raises:
        PromotionRefused: It was rejected.
        GatesNotPassed: Its evaluation failed.
    """
    rules = rules_now(registry, governance.files, by.time)
    permit = of_former_champion(governance, rules, by, rollback=None, rollout=event.rollout)
    _take_challenger(registry, event.champion, by, permit, as_of)


def permit_of_all_traffic(
    registry: Registry,
    store: ArtifactStore,
    governance: Governance,
    rules: Rules,
    event: TrafficEvent,
    judged_by: Attribution,
    as_of: datetime | None = None,
) -> Permit:
    """What the policy asks before the candidate holds the alias: the same as of any promotion.

    Raises:
        ArtifactMissing, ArtifactTampered, UntrustedModel: The candidate's artifact can't be used.
        RollbackRefused: It held the alias before, and no longer does its work.
    """
    before = registry.dossier(event.candidate, event.alias)
    model = artifact.load(store, event.candidate, event.candidate_sha256)
    is_rollback = event.candidate in former_holders(before.moves)
    rollback = governance.validate_rollback(model) if is_rollback else None
    due = as_of or judged_by.time
    return by_policy(before, governance, rules, judged_by, as_of=due, rollback=rollback, rollout=event.rollout)


def go_back(
    registry: Registry,
    store: ArtifactStore,
    governance: Governance,
    event: TrafficEvent,
    by: Attribution,
    ruling: str,
    figures: Mapping[str, Any],
    as_of: datetime | None = None,
) -> TrafficEvent:
    """Give the traffic back; where the alias has moved it moves back, too, and its target is tried first.

    Raises:
        RolloutConflict: Another change came first.
        RollbackRefused: The former champion no longer does its work.
        PromotionRefused: It was rejected since.
        GatesNotPassed: Its newest evaluation failed.
        ArtifactMissing, ArtifactTampered, UntrustedModel: Its artifact can't be used.
    """
    permit: Permit = permit_passed
    if not holds(registry, event.alias, event.champion):
        rules = rules_now(registry, governance.files, by.time)
        former = artifact.load(store, event.champion, event.champion_sha256)
        found = governance.validate_rollback(former)
        permit = of_former_champion(governance, rules, by, rollback=found, rollout=event.rollout)
    split = split_of(ROLLED_BACK, ruling, figures)
    return registry.move_traffic(event.alias, split, by, expected=event.sequence, effective_at=as_of, permit=permit)


def _take_challenger(registry: Registry, version: str, by: Attribution, permit: Permit, as_of: datetime | None) -> None:
    holder = registry.holder(CHALLENGER)
    expected = holder.version if holder else None
    registry.move_alias(CHALLENGER, version, by, expected=expected, effective_at=as_of, permit=permit)
