"""Which decisions count: rows that do not are invisible to every rule, so that they neither add nor take away.

A row counts when it is about the version's bytes, by a person who may decide, signed where that person has a key, not
from the future, not withdrawn, and not a repetition of a signature that was used before. Of the rows that count, the
last of each person stands; the order is that of the times that were signed.
"""

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.governance.decisions import signing
from mlreg_dagster.registry import (
    Decision,
    Dossier,
    Evaluation,
    ModelVersion,
    PolicyApproval,
    Withdrawal,
)

_NOT_COUNTED = (
    "who is not among people, or whose signature is missing, used before or of something else, or who withdrew it"
)


def counted_decisions(dossier: Dossier, policy: PromotionSettings, now: datetime) -> list[Decision]:
    """The decisions about a version that count at all, in the order of their times."""
    version = dossier.version
    decisions = once(
        each
        for each in dossier.decisions
        if each.version == version.version
        and each.artifact_sha256 == version.artifact_sha256
        and each.recorded_at <= now
        and may_decide(each.actor, each.signature, signing.decision_message(each), policy)
    )
    withdrawn = _withdrawn(decisions, dossier.withdrawals, policy, now)
    return [each for each in decisions if each.id not in withdrawn]


def standing(decisions: Iterable[Decision], policy: PromotionSettings) -> dict[str, Decision]:
    """The last approval or rejection of each person, of decisions that count."""
    return {policy.person(each.actor): each for each in decisions if not each.is_waiver}


def objection_to_approval(
    approval: Decision,
    version: ModelVersion,
    evaluation: Evaluation | None,
    actor: str | None,
    policy: PromotionSettings,
) -> str | None:
    """Why an approval that is otherwise in order does not count; None if it does.

    Args:
        approval: By a person who may decide.
        version: Of which version.
        evaluation: The one that counts.
        actor: Who promotes; None where that is not known yet.
        policy: In force.
    """
    if evaluation is None or approval.evaluation_id != evaluation.id:
        latest = "none" if evaluation is None else evaluation.id
        return f"whose approval is of evaluation {approval.evaluation_id or 'none'}, not of the latest, {latest}"
    if not policy.separation_of_duties:
        return None
    if policy.person(approval.actor) == policy.person(version.created_by):
        return "who trained it"
    if actor is not None and policy.person(approval.actor) == policy.person(actor):
        return "who promotes it"
    return None


def objection_to_waiver(
    waiver: Decision, version: ModelVersion, actor: str | None, policy: PromotionSettings
) -> str | None:
    """Why a waiver by a person who may decide does not count; None if it does. Its expiry is looked at elsewhere."""
    granted_by = policy.person(waiver.actor)
    if policy.separation_of_duties and granted_by == policy.person(version.created_by):
        return "who trained it"
    if policy.separation_of_duties and actor is not None and granted_by == policy.person(actor):
        return "who promotes it"
    roles = policy.people[granted_by].roles if granted_by in policy.people else ()
    if policy.waivers.roles and not set(roles).intersection(policy.waivers.roles):
        return f"who is not a {', or a '.join(policy.waivers.roles)}"
    if waiver.expires_at is None or waiver.expires_at - waiver.recorded_at > timedelta(days=policy.waivers.max_days):
        return f"whose waiver is for more than {policy.waivers.max_days} days"
    return None


def not_counted(dossier: Dossier, counted: Iterable[Decision], kind: str) -> list[str]:
    """People whose decisions of a kind are on record and do not count at all, with the reason."""
    kept = {id(each) for each in counted}
    return [f"{each.actor}, {_NOT_COUNTED}" for each in dossier.decisions if each.kind == kind and id(each) not in kept]


def counted_policy_approvals(
    approvals: Iterable[PolicyApproval], policy: PromotionSettings, actor: str, now: datetime
) -> list[str]:
    """People whose approvals of a change of the policy count, by the policy that is in force."""
    counted = once(
        each
        for each in approvals
        if each.recorded_at <= now
        and may_decide(each.actor, each.signature, _approval_message(each), policy)
        and not (policy.separation_of_duties and policy.person(each.actor) == policy.person(actor))
    )
    return sorted({policy.person(each.actor) for each in counted})


def _approval_message(approval: PolicyApproval) -> bytes:
    return signing.policy_message("approval", approval.content_sha256, approval.previous_sha256, approval.by)


def roles_of(names: Iterable[str], policy: PromotionSettings) -> tuple[str, ...]:
    """The roles that people have among them."""
    return tuple(sorted({role for name in names if name in policy.people for role in policy.people[name].roles}))


def may_decide(actor: str, signature: str | None, text: bytes, policy: PromotionSettings) -> bool:
    """Whether a person may decide, and signed `text` where they have a key."""
    if not policy.people:
        return True
    known = policy.people.get(policy.person(actor))
    if known is None:
        return False
    return known.public_key is None or signing.verifies(known.public_key, signature, text)


def once(rows: Iterable[Any]) -> list[Any]:
    """Rows in the order of their times; of those with the same signature only the first that was recorded."""
    seen: set[bytes] = set()
    kept = []
    for row in sorted(rows, key=lambda row: row.id):
        used = _signature_bytes(row.signature)
        if used is None or used not in seen:
            kept.append(row)
        if used is not None:
            seen.add(used)
    return sorted(kept, key=lambda row: (row.recorded_at, row.id))


def _withdrawn(
    decisions: Iterable[Decision], withdrawals: Iterable[Withdrawal], policy: PromotionSettings, now: datetime
) -> set[int]:
    """Numbers of the decisions that are taken back by withdrawals that count."""
    by_id = {each.id: each for each in decisions}
    return {
        each.decision_id
        for each in withdrawals
        if each.decision_id in by_id and objection_to_withdrawal(each, by_id[each.decision_id], policy, now) is None
    }


def objection_to_withdrawal(
    withdrawal: Withdrawal, decision: Decision, policy: PromotionSettings, now: datetime
) -> str | None:
    """Why a withdrawal does not count; None if it does."""
    if not decision.recorded_at <= withdrawal.recorded_at <= now:
        return "its time is not between the decision and now"
    if not decision.is_waiver and policy.person(withdrawal.actor) != policy.person(decision.actor):
        return "an approval or a rejection is withdrawn by the person who gave it"
    text = signing.withdrawal_message(withdrawal.by, decision)
    return (
        None
        if may_decide(withdrawal.actor, withdrawal.signature, text, policy)
        else f"{withdrawal.actor} may not decide"
    )


def _signature_bytes(signature: str | None) -> bytes | None:
    try:
        return base64.b64decode(signature, validate=True) if signature else None
    except (binascii.Error, ValueError):
        return None
