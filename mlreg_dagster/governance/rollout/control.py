"""Moves a rollout: starts it, makes the step that a look calls for, pauses, resumes and ends it.

`table` decides what is to be done, on what `looking` reads.
"""

from dataclasses import replace
from typing import cast

import pandas as pd

from mlreg_dagster.core.people import AUTOMATION, REPLAY
from mlreg_dagster.governance.decisions.authority import fault_of_reason, spelled
from mlreg_dagster.governance.policy.governance import Governance
from mlreg_dagster.governance.policy.in_force import rules_now
from mlreg_dagster.governance.promotion.permits import refusals_on_record
from mlreg_dagster.governance.rollout import moves
from mlreg_dagster.governance.rollout.looking import Look, rows_of_open_rollout
from mlreg_dagster.governance.rollout.opening import RolloutRefused, RolloutRequest, open_staging, require_present
from mlreg_dagster.governance.rollout.permission import promoter, unpaired
from mlreg_dagster.governance.rollout.states import SHADOWED, ABTest, State
from mlreg_dagster.registry import Attribution, Permit, Registry, TrafficEvent
from mlreg_dagster.registry.names import check_alias
from mlreg_dagster.registry.permit import permit_passed
from mlreg_dagster.registry.records.traffic import PAUSE, RESUME, ROLLED_BACK, is_paused
from mlreg_dagster.storage.artifacts import ArtifactStore

ABORT = "abort"
"""The ruling of a person who ends a rollout."""

_LONGEST = 1_000  # of a reason that the table writes


def start(
    registry: Registry,
    store: ArtifactStore,
    governance: Governance,
    request: RolloutRequest,
    *,
    now: pd.Timestamp,
    run_id: str | None = None,
) -> TrafficEvent:
    """Open a rollout, in the state `staging`. A refusal is recorded in the registry.

    Args:
        registry: Where it is recorded.
        store: Where the artifact is; it must be intact and loadable.
        governance: What it is judged by.
        request: Which version is to be rolled out, who asks, and why.
        now: The current time.
        run_id: The run that starts it.

    Raises:
        RolloutRefused: No version holds the alias, the reason is too short, or the model may not score yet.
        PromotionRefused: The policy says no; approvals may be missing still.
        PromotionHeld: Nothing moves now.
        PolicyNotAdopted: The configuration files ask for another policy than the one in force.
        ArtifactMissing, ArtifactTampered, UntrustedModel: The artifact can't be used.
        NotAName: The actor's name or the reason has a forbidden form.
        RegistryError: Unknown version, gates not passed, a rollout is open, another holder than expected.
    """
    check_alias(request.alias)
    by = spelled(Attribution(request.actor, now, request.reason, run_id), registry)
    candidate = registry.resolve(request.version)
    with refusals_on_record(registry, request.alias, candidate, by):
        return open_staging(registry, store, governance, candidate, request, by)


def step(
    registry: Registry, store: ArtifactStore, governance: Governance, look: Look, by: Attribution
) -> TrafficEvent | None:
    """Make what a look decided.

    Before the candidate scores beside the champion it becomes challenger, and when it has all traffic the former
    champion does, so that both predict every hour and outcomes can be compared. Where a run was stopped between these
    moves and that of the traffic, the next step makes the one that is missing.

    Args:
        registry: Where it is recorded.
        store: Where the artifacts are.
        governance: What a move of an alias is judged by.
        look: What was decided, on what.
        by: Who does it and when; the reason becomes that of the decision.

    Returns:
        The change; None where the traffic stays.

    Raises:
        RolloutConflict: Another change came first.
        PromotionHeld, PromotionRefused: The policy does not let an alias move; the traffic stays.
        RollbackRefused: The former champion no longer does its work.
        PolicyNotAdopted: The configuration files ask for another policy than the one in force.
        ArtifactMissing, ArtifactTampered, UntrustedModel: An artifact can't be used.
    """
    event, decision, as_of = look.event, look.decision, look.as_of
    if as_of is not None:
        require_present(as_of, by, governance)
    by = replace(by, reason=decision.reason[:_LONGEST])
    if decision.ruling == "roll_back":
        return moves.go_back(registry, store, governance, event, by, decision.ruling, look.figures, as_of)
    if decision.ruling == "hold":
        if look.unpaired:
            moves.pair(registry, governance, event, by, as_of)
        return None
    rows = rows_of_open_rollout(registry, event.alias) or [event]
    split = moves.split_of(decision.state, decision.ruling, look.figures, ABTest.of(rows[0].facts))
    if decision.ruling == "finish":
        return registry.move_traffic(event.alias, split, by, expected=event.sequence, effective_at=as_of)
    rules = governance.rules(registry, pd.Timestamp(by.time))
    judged_by = promoter(rows, by.time)
    if decision.state in SHADOWED:
        moves.shadow(registry, governance, rules, event, judged_by, by, as_of)
    permit: Permit = permit_passed
    if decision.state == "full":
        permit = moves.permit_of_all_traffic(registry, store, governance, rules, event, judged_by, as_of)
    moved = registry.move_traffic(event.alias, split, by, expected=event.sequence, effective_at=as_of, permit=permit)
    if unpaired(registry, governance, rows_of_open_rollout(registry, event.alias), by.time):
        moves.pair(registry, governance, moved, by, as_of)
    return moved


def pause(registry: Registry, governance: Governance, alias: str, by: Attribution, expected: int) -> TrafficEvent:
    """Stop a rollout from advancing until a person resumes it; budgets and outcomes still roll it back.

    Args:
        registry: Where it is recorded.
        governance: Whose people may do it.
        alias: Whose traffic it is.
        by: Who does it, when and why.
        expected: The sequence of the newest change, as far as the caller knows.

    Raises:
        RolloutRefused: It is paused already, it is an A/B test that runs, or the actor may not decide.
        RolloutConflict: No rollout is open, or another change came first.
        NotAName: The actor's name or the reason has a forbidden form.
    """
    return _note(registry, governance, alias, by, expected, PAUSE)


def resume(registry: Registry, governance: Governance, alias: str, by: Attribution, expected: int) -> TrafficEvent:
    """Let a paused rollout advance again; arguments and errors are those of `pause`."""
    return _note(registry, governance, alias, by, expected, RESUME)


def abort(
    registry: Registry, store: ArtifactStore, governance: Governance, alias: str, by: Attribution, expected: int
) -> TrafficEvent:
    """End a rollout by a person's request, in any state; the champion of before has the traffic.

    Args:
        registry: Where it is recorded.
        store: Where the artifacts are.
        governance: Whose people may do it, and how the former champion is tried.
        alias: Whose traffic it is.
        by: Who does it, when and why.
        expected: The sequence of the newest change, as far as the caller knows.

    Raises:
        RolloutRefused: The actor may not decide, or the reason is too short.
        RolloutConflict: No rollout is open, or another change came first.
        RollbackRefused: The former champion no longer does its work.
        PromotionRefused: The former champion was rejected since.
        ArtifactMissing, ArtifactTampered, UntrustedModel: Its artifact can't be used.
        NotAName: The actor's name or the reason has a forbidden form.
    """
    by = _by_person(registry, governance, by)
    rows = rows_of_open_rollout(registry, alias)
    if not rows or rows[-1].sequence != expected:
        return registry.move_traffic(alias, moves.split_of(ROLLED_BACK, ABORT, {}), by, expected=expected)  # is refused
    return moves.go_back(registry, store, governance, rows[-1], by, ABORT, {"paused": is_paused(rows)})


def _note(
    registry: Registry, governance: Governance, alias: str, by: Attribution, expected: int, ruling: str
) -> TrafficEvent:
    by = _by_person(registry, governance, by)
    rows = rows_of_open_rollout(registry, alias)
    if rows and rows[-1].sequence == expected and is_paused(rows) == (ruling == PAUSE):
        raise RolloutRefused(f"The rollout of {rows[-1].candidate} is {'' if ruling == PAUSE else 'not '}paused.")
    if rows and rows[-1].state == "ab":
        raise RolloutRefused("An A/B test that runs waits for nothing but its days. `mlreg rollout abort` ends it.")
    split = moves.split_of(cast(State, rows[-1].state) if rows else "staging", ruling, {})
    return registry.move_traffic(alias, split, by, expected=expected)


def _by_person(registry: Registry, governance: Governance, by: Attribution) -> Attribution:
    """Who acts, as it is recorded: a person who may decide."""
    by = spelled(by, registry)
    policy = rules_now(registry, governance.files, by.time).promotion
    if fault := fault_of_reason(by.reason, policy):
        raise RolloutRefused(fault)
    if by.actor == AUTOMATION:
        raise RolloutRefused(f"{AUTOMATION} makes the steps of a rollout; a person pauses, resumes and ends it.")
    if policy.people and by.actor != REPLAY and policy.person(by.actor) not in policy.people:
        known = ", ".join(sorted(policy.people))
        raise RolloutRefused(f"{by.actor} is not among people; promotion.yaml names {known}.")
    return by
