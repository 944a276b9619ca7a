"""Suspends an alias and resumes it, by the policy in force."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.people import AUTOMATION, REPLAY
from mlreg_dagster.governance.decisions import counting, signing
from mlreg_dagster.governance.decisions.authority import DecisionRefused, fault_of_reason, key_of, spelled
from mlreg_dagster.governance.people.identified import identified
from mlreg_dagster.registry import (
    AliasConflict,
    AliasEvent,
    Attribution,
    Dossier,
    RefusalOutcome,
    Registry,
    Suspension,
)
from mlreg_dagster.registry.names import as_utc, check_alias
from mlreg_dagster.registry.records.suspensions import RESUMED, SUSPENDED
from mlreg_dagster.registry.rules import rollback_target

_TRIES = 5
"""How often a stop is tried again whose alias moves at the same moment."""


class NothingToSuspend(MlregError):
    """An alias that no version holds."""


class ResumptionHeld(DecisionRefused):
    """A resumption for which the policy asks more; the alias stays suspended."""


@dataclass(frozen=True)
class Authority:
    """By what a suspension is judged, and signed.

    Attributes:
        policy: promotion.yaml, as in force.
        key: File of the actor's private key, to sign with; None: no signature.
        replays_history: Whether a change may count from the past.
    """

    policy: PromotionSettings
    key: Path | None = None
    replays_history: bool = False


def policy_in_force(registry: Registry, files: Callable[[], PromotionSettings]) -> PromotionSettings:
    """The policy by which it is judged.

    Args:
        registry: Which keeps the one in force.
        files: That of the configuration files, for a registry that keeps none yet.

    Raises:
        DecisionRefused: Another release recorded values that this one does not know.
    """
    record = registry.policy_in_force()
    if record is None:
        return files()
    try:
        adopted = PromotionSettings.model_validate(record.content["promotion"])
        return identified(adopted, registry, record.recorded_at)
    except (ValidationError, KeyError) as error:
        raise DecisionRefused(
            f"The policy in force (adopted by {record.actor}) holds values that this release does not know, so that it "
            f"can't be told who may suspend. `mlreg policy adopt --reason …` puts the configuration files in force."
        ) from error


def suspend(
    registry: Registry, alias: str, by: Attribution, authority: Authority, effective_at: datetime | None = None
) -> Suspension:
    """Let no holder of an alias score from now on. It needs a reason, and no approval.

    Args:
        registry: Where it is recorded.
        alias: Which alias.
        by: Who suspends it, when and why.
        authority: By which it is judged.
        effective_at: From when it counts; None: now. The past is for replays.

    Raises:
        AlreadySuspended: It is suspended; the message says since when, by whom and why.
        NothingToSuspend: No version holds the alias.
        DecisionRefused: The actor may not, must sign and does not, or the reason is too short.
        NotAName: The actor or the reason has a forbidden form.
        UnusableKey: The key can't be read.
    """
    by = _checked(registry, alias, by, authority, effective_at)
    if by.actor == AUTOMATION and not authority.policy.suspension.automatic:
        raise DecisionRefused("Automation may not suspend: promotion.yaml has suspension.automatic: false.")
    for attempt in range(_TRIES):
        moves = registry.history(alias)
        if not moves:
            raise NothingToSuspend(f"No version holds {alias}: there is nothing to suspend.")
        changes, holder = registry.suspensions(alias), moves[-1]
        sequence = (changes[-1].sequence if changes else 0) + 1
        try:
            return registry.suspend(
                alias,
                by,
                sequence=sequence,
                expected=holder.version,
                facts=_serving(moves, authority.policy),
                effective_at=effective_at,
                signature=_signature(SUSPENDED, alias, sequence, holder, by, authority),
            )
        except AliasConflict:  # it has just moved: the new holder is stopped
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def resume(
    registry: Registry, alias: str, by: Attribution, authority: Authority, effective_at: datetime | None = None
) -> Suspension:
    """Let the holder of a suspended alias score again, if the policy allows it. Arguments are those of `suspend`.

    A refusal is recorded.

    Raises:
        NotSuspended: It is not suspended.
        ResumptionHeld: Approvals are missing.
        DecisionRefused: The actor may not, must sign and does not, or the reason is too short.
        AliasConflict, SuspensionConflict: The alias moved, or another change came first.
        NotAName: The actor or the reason has a forbidden form.
        UnusableKey: The key can't be read.
    """
    by = _checked(registry, alias, by, authority, effective_at)
    holder, stopped = registry.holder(alias), registry.suspension(alias)
    changes = registry.suspensions(alias)
    sequence = (changes[-1].sequence if changes else 0) + 1

    def permit(dossier: Dossier) -> dict[str, Any]:
        return _permitted(dossier, by, authority.policy)

    try:
        if stopped is not None:
            _require_role(by, authority.policy)
        return registry.resume(
            alias,
            by,
            sequence=sequence,
            expected=holder.version if holder else "",
            permit=permit,
            effective_at=effective_at,
            signature=_signature(RESUMED, alias, sequence, holder, by, authority) if holder else None,
        )
    except DecisionRefused as refused:
        if holder is not None:
            outcome: RefusalOutcome = "hold" if isinstance(refused, ResumptionHeld) else "refuse"
            registry.record_refusal(alias, registry.version(holder.version), outcome, str(refused), by)
        raise


def _checked(
    registry: Registry, alias: str, by: Attribution, authority: Authority, effective_at: datetime | None
) -> Attribution:
    check_alias(alias)
    by = spelled(by, registry)
    if fault := fault_of_reason(by.reason, authority.policy):
        raise DecisionRefused(fault)
    if effective_at is not None and as_utc(effective_at) < by.time and not authority.replays_history:
        raise DecisionRefused(
            f"{alias} can't be suspended or resumed as of {effective_at:%Y-%m-%d %H:%M} UTC: that is in the past, "
            f"where only a replay of history writes. Leave the time out."
        )
    return by


def _serving(moves: list[AliasEvent], policy: PromotionSettings) -> dict[str, Any]:
    """How servers answer meanwhile: what the newest row says is all that they need."""
    target = rollback_target(moves) if policy.suspension.serving == "previous" else None
    if target is None:
        return {"serving": "refuse"}
    move = next(each for each in reversed(moves) if each.version == target)
    return {
        "serving": "previous",
        "previous": {
            "version": move.version,
            "artifact_sha256": move.artifact_sha256,
            "sequence": move.sequence,
            "effective_at": move.effective_at.isoformat(),
        },
    }


def _require_role(by: Attribution, policy: PromotionSettings) -> None:
    if by.actor == AUTOMATION:
        raise DecisionRefused("Automation resumes nothing: a person does, with `mlreg resume`.")
    asked = policy.suspension.resume_roles
    if asked and by.actor != REPLAY and not set(counting.roles_of([policy.person(by.actor)], policy)) & set(asked):
        raise DecisionRefused(f"{by.actor} may not resume: promotion.yaml asks for a {', or a '.join(asked)}.")


def _permitted(dossier: Dossier, by: Attribution, policy: PromotionSettings) -> dict[str, Any]:
    """Whose approvals count, where the policy asks for some.

    Raises:
        ResumptionHeld: There are not enough.
    """
    stopped, version = dossier.suspended[dossier.alias], dossier.version
    evaluations = [each for each in dossier.evaluations if not each.is_experiment]
    evaluation = evaluations[-1] if evaluations else None
    last = counting.standing(counting.counted_decisions(dossier, policy, by.time), policy)
    approved = sorted(
        name
        for name, each in last.items()
        if each.kind == "approval" and each.recorded_at >= stopped.recorded_at and name != policy.person(by.actor)
        if counting.objection_to_approval(each, version, evaluation, by.actor, policy) is None
    )
    asked = policy.suspension.resume_approvals
    if len(approved) < asked:
        raise ResumptionHeld(
            f"{dossier.alias} stays suspended: {len(approved)} of {asked} approvals of {version.version} by others "
            f"since the suspension are there. `mlreg approve {version.version}` adds one."
        )
    return {"approved_by": approved}


def _signature(
    event: str, alias: str, sequence: int, holder: AliasEvent, by: Attribution, authority: Authority
) -> str | None:
    text = signing.suspension_message(event, alias, sequence, holder.version, holder.artifact_sha256, by)
    if by.actor in (AUTOMATION, REPLAY):
        return None
    return signing.signature_of(key_of(by.actor, authority.policy, authority.key), text)
