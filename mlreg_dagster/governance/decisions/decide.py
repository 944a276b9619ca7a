"""Decisions of people on a version: approvals, rejections and waivers, of its bytes and the evaluation they saw.

What would count for nothing is refused when it is given, and not recorded.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.people import account_name, checked_text
from mlreg_dagster.governance.decisions import counting, signing
from mlreg_dagster.governance.policy.judgement import LIFTABLE
from mlreg_dagster.registry import (
    Decision,
    DecisionKind,
    Evaluation,
    ModelVersion,
    Registry,
    Withdrawal,
)


class DecisionRefused(MlregError):
    """A decision that would count for nothing; it was not recorded."""


def decide(
    registry: Registry,
    *,
    kind: DecisionKind,
    version: str,
    reason: str,
    actor: str,
    now: pd.Timestamp,
    run_id: str | None,
    policy: PromotionSettings,
    lifts: Sequence[str] = (),
    expires_at: pd.Timestamp | None = None,
    key: Path | None = None,
) -> Decision:
    """Record what a person decides about a version.

    Args:
        registry: Where it is recorded.
        kind: An approval, a rejection, or an exception (a waiver).
        version: `v7`, `latest`, `latest-1` or an alias.
        reason: Why, for people who ask later.
        actor: Who decides.
        now: The current time.
        run_id: The run that records it.
        policy: In force: who may decide, and how long a reason must be.
        lifts: What an exception lifts; see `policy.LIFTABLE`.
        expires_at: Until when an exception counts.
        key: File of the actor's private key, to sign with; None: no signature.

    Raises:
        DecisionRefused: It would not count: the actor may not decide this, must sign and does not, or trained the
            version; the reason is too short; the evaluation failed or is missing; what is to be lifted can't be, or
            for too long.
        NotAName: The actor or the reason has a forbidden form.
        UnknownVersion: The specifier leads to no version.
        UnusableKey: The key can't be read.
    """
    actor, reason = account_name(actor), _long_enough(reason, policy)
    if unknown := [name for name in lifts if name not in LIFTABLE]:
        raise DecisionRefused(f"A waiver can't lift {', '.join(unknown)}; it can lift {', '.join(LIFTABLE)}.")
    model = registry.resolve(version)
    evaluation = registry.latest_evaluation(model.version)
    if evaluation is None:
        raise DecisionRefused(
            f"{model.version} was never evaluated as configured: there is nothing to decide on. Evaluate it first."
        )
    private = _key_of(actor, policy, key)
    decision = Decision(
        id=0,
        kind=kind,
        version=model.version,
        artifact_sha256=model.artifact_sha256,
        evaluation_id=evaluation.id,
        actor=actor,
        reason=reason,
        lifts=tuple(lifts),
        expires_at=expires_at,
        recorded_at=now.floor("us"),
        run_id=run_id,
        signature=None,
    )
    _require_to_count(decision, model, evaluation, policy)
    return registry.decide(
        kind=kind,
        version=model.version,
        artifact_sha256=model.artifact_sha256,
        evaluation_id=evaluation.id,
        actor=actor,
        reason=reason,
        lifts=decision.lifts,
        expires_at=expires_at,
        recorded_at=decision.recorded_at,
        run_id=run_id,
        signature=signed(private, signing.decision_message(decision)),
    )


def withdraw(
    registry: Registry,
    decision_id: int,
    *,
    reason: str,
    actor: str,
    now: pd.Timestamp,
    run_id: str | None,
    policy: PromotionSettings,
    key: Path | None = None,
) -> Withdrawal:
    """Take a decision back: one's own, or any waiver.

    Args:
        registry: Where it is recorded.
        decision_id: The decision's number.
        reason: Why, for people who ask later.
        actor: Who takes it back.
        now: The current time.
        run_id: The run that records it.
        policy: In force: who may decide, and how long a reason must be.
        key: File of the actor's private key, to sign with; None: no signature.

    Raises:
        DecisionRefused: It would not count; the message says why.
        NotAName: The actor or the reason has a forbidden form.
        InvalidRecord: There is no such decision.
        UnusableKey: The key can't be read.
    """
    actor, reason = account_name(actor), _long_enough(reason, policy)
    decision = registry.decision(decision_id)
    private = _key_of(actor, policy, key)
    bare = signing.Unsigned(actor, reason, now.floor("us"))
    signature = signed(private, signing.withdrawal_message(bare, decision))
    withdrawal = Withdrawal(0, decision.id, actor, reason, bare.recorded_at, run_id, signature)
    if objection := counting.objection_to_withdrawal(withdrawal, decision, policy, now):
        raise DecisionRefused(
            f"Decision {decision_id} ({decision.kind} by {decision.actor}) is not withdrawn: {objection}."
        )
    return registry.withdraw(
        decision_id, actor=actor, reason=reason, recorded_at=bare.recorded_at, run_id=run_id, signature=signature
    )


def signing_key() -> Path | None:
    """The file that MLREG_SIGNING_KEY names, if it is set."""
    name = os.environ.get("MLREG_SIGNING_KEY")
    return Path(name).expanduser() if name else None


def signed(private: Ed25519PrivateKey | None, text: bytes) -> str | None:
    """The signature of a text, where there is a key."""
    return None if private is None else signing.sign(private, text)


def require_known(actor: str, policy: PromotionSettings, private: Ed25519PrivateKey | None) -> None:
    """Refuse who is not among people, or does not sign with their key.

    Raises:
        DecisionRefused: They may not decide; the message says what to do.
    """
    if not policy.people:
        return
    if actor not in policy.people:
        known = ", ".join(sorted(policy.people))
        raise DecisionRefused(
            f"{actor} may not decide; promotion.yaml names {known}. Use --actor, or add the name there."
        )
    wanted = policy.people[actor].public_key
    given = None if private is None else signing.public_key(private)
    if wanted is not None and wanted != given:
        problem = "MLREG_SIGNING_KEY is not set" if given is None else "MLREG_SIGNING_KEY holds another key"
        raise DecisionRefused(
            f"What {actor} decides counts only when signed with the key in promotion.yaml, and {problem}. "
            f"Let MLREG_SIGNING_KEY name the file of the private key."
        )


def _key_of(actor: str, policy: PromotionSettings, key: Path | None) -> Ed25519PrivateKey | None:
    private = None if key is None else signing.read_key(key)
    require_known(actor, policy, private)
    return private


def _long_enough(reason: str, policy: PromotionSettings) -> str:
    text = checked_text("reason", reason)
    if len(text) < policy.min_reason_length:
        raise DecisionRefused(
            f"The reason {reason!r} is too short; promotion.yaml asks for {policy.min_reason_length} characters."
        )
    return text


def _require_to_count(
    decision: Decision, model: ModelVersion, evaluation: Evaluation, policy: PromotionSettings
) -> None:
    """Refuse an approval or a waiver that would count for nothing.

    Raises:
        DecisionRefused: It would.
    """
    objection = None
    if decision.kind == "approval":
        objection = counting.objection_to_approval(decision, model, evaluation, None, policy)
        if not evaluation.passed:
            failed = ", ".join(gate.name for gate in evaluation.gates if not gate.passed)
            objection = f"since evaluation {evaluation.id} failed {failed}"
    elif decision.kind == "exception":
        objection = counting.objection_to_waiver(decision, model, None, policy)
    if objection is not None:
        raise DecisionRefused(
            f"This {'waiver' if decision.kind == 'exception' else 'approval'} of {model.version} would not count: "
            f"it is by {decision.actor}, {objection}."
        )
