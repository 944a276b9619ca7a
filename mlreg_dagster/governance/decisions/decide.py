"""Decisions of people on a version: approvals, rejections and waivers, of its bytes and the evaluation they saw.

A decision that would count for nothing is refused when it is given, and not recorded.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.governance.decisions import counting, signing
from mlreg_dagster.governance.decisions.authority import DecisionRefused, fault_of_reason, key_of, spelled
from mlreg_dagster.governance.policy.judgement import WAIVABLE
from mlreg_dagster.registry import (
    Attribution,
    Decision,
    DecisionKind,
    Evaluation,
    ModelVersion,
    Registry,
    Withdrawal,
)
from mlreg_dagster.registry.names import as_utc


@dataclass(frozen=True)
class DecisionRequest:
    """A decision as it is asked for.

    Attributes:
        kind: An approval, a rejection, or a waiver, as stored.
        version: `v7`, `latest`, `latest-1` or an alias.
        waives: The rules that a waiver waives; see `judgement.WAIVABLE`.
        expires_at: Until when a waiver counts.
    """

    kind: DecisionKind
    version: str
    waives: tuple[str, ...] = ()
    expires_at: datetime | None = None


def decide(
    registry: Registry, request: DecisionRequest, by: Attribution, policy: PromotionSettings, key: Path | None = None
) -> Decision:
    """Record a person's decision about a version.

    Args:
        registry: Where it is recorded.
        request: Which decision on which version.
        by: Who decides, when and why.
        policy: In force: who may decide, and how long a reason must be.
        key: File of the actor's private key, to sign with; None: no signature.

    Raises:
        DecisionRefused: It would not count: the actor may not decide this, must sign and does not, or trained the
            version; the reason is too short; the evaluation failed or is missing; a rule can't be waived, or not for
            so long.
        NotAName: The actor or the reason has a forbidden form.
        UnknownVersion: The specifier leads to no version.
        UnusableKey: The key can't be read.
    """
    by = _with_enough_reason(registry, by, policy)
    if unknown := [name for name in request.waives if name not in WAIVABLE]:
        raise DecisionRefused(f"A waiver can't waive {', '.join(unknown)}; it can waive {', '.join(WAIVABLE)}.")
    model = registry.resolve(request.version)
    evaluation = registry.latest_evaluation(model.version)
    if evaluation is None:
        raise DecisionRefused(
            f"{model.version} was never evaluated as configured: there is nothing to decide on. Evaluate it first."
        )
    private = key_of(by.actor, policy, key)
    decision = _unsigned(request, model, evaluation, by)
    _require_to_count(decision, model, evaluation, policy)
    return registry.decide(
        decision.kind,
        decision.version,
        by,
        artifact_sha256=decision.artifact_sha256,
        evaluation_id=decision.evaluation_id,
        waives=decision.waives,
        expires_at=decision.expires_at,
        signature=signing.signature_of(private, signing.decision_message(decision)),
    )


def withdraw(
    registry: Registry, decision_id: int, by: Attribution, policy: PromotionSettings, key: Path | None = None
) -> Withdrawal:
    """Take a decision back: one's own, or any waiver.

    Args:
        registry: Where it is recorded.
        decision_id: The decision's number.
        by: Who takes it back, when and why.
        policy: In force: who may decide, and how long a reason must be.
        key: File of the actor's private key, to sign with; None: no signature.

    Raises:
        DecisionRefused: It would not count; the message says why.
        NotAName: The actor or the reason has a forbidden form.
        InvalidRecord: There is no such decision.
        UnusableKey: The key can't be read.
    """
    by = _with_enough_reason(registry, by, policy)
    decision = registry.decision(decision_id)
    private = key_of(by.actor, policy, key)
    signature = signing.signature_of(private, signing.withdrawal_message(by, decision))
    now = as_utc(by.time)
    withdrawal = Withdrawal(0, decision.id, by.actor, by.reason, now, by.run_id, signature)
    if objection := counting.objection_to_withdrawal(withdrawal, decision, policy, now):
        raise DecisionRefused(
            f"Decision {decision_id} ({decision.title} by {decision.actor}) is not withdrawn: {objection}."
        )
    return registry.withdraw(decision_id, by, signature=signature)


def _with_enough_reason(registry: Registry, by: Attribution, policy: PromotionSettings) -> Attribution:
    by = spelled(by, registry)
    if fault := fault_of_reason(by.reason, policy):
        raise DecisionRefused(fault)
    return by


def _unsigned(request: DecisionRequest, model: ModelVersion, evaluation: Evaluation, by: Attribution) -> Decision:
    return Decision(
        id=0,
        kind=request.kind,
        version=model.version,
        artifact_sha256=model.artifact_sha256,
        evaluation_id=evaluation.id,
        actor=by.actor,
        reason=by.reason,
        lifts=request.waives,
        expires_at=request.expires_at,
        recorded_at=as_utc(by.time),
        run_id=by.run_id,
        signature=None,
    )


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
    elif decision.is_waiver:
        objection = counting.objection_to_waiver(decision, model, None, policy)
    if objection is not None:
        raise DecisionRefused(
            f"This {decision.title} of {model.version} would not count: it is by {decision.actor}, {objection}."
        )
