"""The decision table: may this version hold the alias, must it wait, or is it refused?

A refusal can't be lifted: failed or missing gates, and a standing rejection. A hold can: approvals may still come, and
an exception with a reason and an end lifts what it names, but never an approval. A rollback, to a version that held the
alias before, waits for nothing: whoever is woken at night must be able to go back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from mlreg_dagster.config.governance import PromotionSettings, Tier, TierPolicy
from mlreg_dagster.governance.signing import is_signed_by
from mlreg_dagster.storage.registry import AliasEvent, Decision, Evaluation, ModelVersion

FREEZE, STABILITY, AGE, OUTCOMES = "freeze", "stability", "evaluation_age", "matured_outcomes"
LIFTABLE = (FREEZE, STABILITY, AGE, OUTCOMES)
"""What an exception may lift."""

Stability = Literal["stable", "unstable", "not measured"]
Outcome = Literal["promote", "hold", "refuse"]


@dataclass(frozen=True)
class Facts:
    """What is known of a version when it asks for an alias.

    Attributes:
        failed_gates: Of the evaluation that counts, each with its reason.
        missing_gates: That the tier asks for and the evaluation has not measured.
        stability: Of that evaluation, and why.
        stability_detail: The numbers behind it.
        rejected_by: Who rejects it, with their reasons.
        approved_by: Whose approvals count.
        roles: Which roles these have among them.
        not_counted: Approvals that don't count, and why.
        lifted: What exceptions lift that count now, with their reasons.
        frozen: Why nothing moves now; None if it does.
        evaluation_age_days: How old the evaluation is.
        matured_outcomes: Resolved outcomes of the version that are no in-sample ones; None: nobody asked.
        is_rollback: The version held the alias before.
    """

    failed_gates: tuple[str, ...] = ()
    missing_gates: tuple[str, ...] = ()
    stability: Stability = "not measured"
    stability_detail: str = ""
    rejected_by: tuple[str, ...] = ()
    approved_by: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    not_counted: tuple[str, ...] = ()
    lifted: Mapping[str, str] | None = None
    frozen: str | None = None
    evaluation_age_days: float = 0.0
    matured_outcomes: int | None = None
    is_rollback: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the policy says.

    Attributes:
        outcome: Go on, wait, or never.
        reasons: Why it waits or is refused; empty for a promotion.
        lifted: What would have held it up, had an exception not lifted it.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    lifted: tuple[str, ...] = ()


def judge(facts: Facts, tier: TierPolicy, policy: PromotionSettings) -> Verdict:
    """The decision table."""
    refused = [
        *(f"failed {gate}" for gate in facts.failed_gates),
        *(f"{gate} was not measured; evaluate it again under this policy" for gate in facts.missing_gates),
        *(f"rejected by {who}" for who in facts.rejected_by),
    ]
    if refused:
        return Verdict("refuse", tuple(refused))
    holds = {} if facts.is_rollback else _holds(facts, tier, policy)
    lifts = facts.lifted or {}
    lifted = tuple(f"{name}: {lifts[name]}" for name in holds if name in lifts)
    waiting = [reason for name, reason in holds.items() if name not in lifts]
    if not facts.is_rollback:
        waiting += _missing_approvals(facts, tier)
    return Verdict("hold" if waiting else "promote", tuple(waiting), lifted)


def _holds(facts: Facts, tier: TierPolicy, policy: PromotionSettings) -> dict[str, str]:
    """What holds it up that an exception may lift, by name."""
    holds = {}
    if facts.frozen is not None:
        holds[FREEZE] = f"nothing moves now: {facts.frozen}"
    if facts.stability == "unstable" or (tier.stable and facts.stability == "not measured"):
        detail = f" ({facts.stability_detail})" if facts.stability_detail else ""
        holds[STABILITY] = f"the evaluation is {facts.stability.replace('not', 'of a stability not')}{detail}"
    most = policy.max_evaluation_age_days
    if most is not None and facts.evaluation_age_days > most:
        holds[AGE] = f"the evaluation is {facts.evaluation_age_days:.1f} days old, allowed are {most}"
    if facts.matured_outcomes is not None and facts.matured_outcomes < policy.min_matured_outcomes:
        holds[OUTCOMES] = (
            f"{facts.matured_outcomes} of its outcomes have matured, asked are {policy.min_matured_outcomes}"
        )
    return holds


def _missing_approvals(facts: Facts, tier: TierPolicy) -> list[str]:
    reasons = []
    if len(facts.approved_by) < tier.approvals:
        reasons.append(f"{len(facts.approved_by)} of {tier.approvals} approvals are there")
    if absent := [role for role in tier.roles if role not in facts.roles]:
        reasons.append(f"nobody who approved is a {', or a '.join(absent)}")
    if reasons and facts.not_counted:
        reasons.append(f"not counted: {'; '.join(facts.not_counted)}")
    return reasons


def facts_of(
    version: ModelVersion,
    evaluation: Evaluation,
    decisions: Sequence[Decision],
    moves: Sequence[AliasEvent],
    *,
    actor: str,
    now: pd.Timestamp,
    tier: TierPolicy,
    policy: PromotionSettings,
    matured_outcomes: Callable[[], int],
) -> Facts:
    """Read what counts out of the registry's records.

    Args:
        version: Who asks for the alias.
        evaluation: Its latest.
        decisions: All about its bytes, the latest one last.
        moves: Of the alias, so far.
        actor: Who promotes.
        now: The current time.
        tier: What the risk tier asks for.
        policy: The rest of promotion.yaml.
        matured_outcomes: Counts them; asked only where the policy wants some.
    """
    standing = {each.actor: each for each in decisions if each.kind != "exception"}  # the last word of each counts
    approved, not_counted, rejected = [], [], []
    for each in standing.values():
        objection = _objection(each, version, evaluation, actor, policy)
        if each.kind == "rejection" and _may_decide(each, policy):
            rejected.append(f"{each.actor} ({each.reason})")
        elif each.kind == "approval" and objection is None:
            approved.append(each.actor)
        elif each.kind == "approval":
            not_counted.append(f"{each.actor}, {objection}")
    gates = {gate.name: gate for gate in evaluation.gates}
    stability = evaluation.metrics.get("stability") or {}
    freeze = next((each for each in policy.freezes if each.covers(now)), None)
    return Facts(
        failed_gates=tuple(f"{gate.name} ({gate.detail})" for gate in evaluation.gates if not gate.passed),
        missing_gates=tuple(name for name in tier.gates if name not in gates),
        stability=stability.get("verdict", "not measured"),
        stability_detail=stability.get("detail", ""),
        rejected_by=tuple(rejected),
        approved_by=tuple(approved),
        roles=tuple(sorted({role for name in approved if name in policy.people for role in policy.people[name].roles})),
        not_counted=tuple(not_counted),
        lifted={
            name: f"{each.actor}, until {each.expires_at:%Y-%m-%d %H:%M} ({each.reason})"
            for each in decisions
            if each.kind == "exception" and now < each.expires_at and _may_decide(each, policy)  # type: ignore[operator]
            for name in each.lifts
        },
        frozen=None if freeze is None else f"{freeze.reason}, until {freeze.until:%Y-%m-%d %H:%M}",
        evaluation_age_days=(now - evaluation.recorded_at) / pd.Timedelta(days=1),
        matured_outcomes=matured_outcomes() if policy.min_matured_outcomes else None,
        is_rollback=any(move.version == version.version for move in moves),
    )


def evidence_of(
    facts: Facts, verdict: Verdict, risk_tier: Tier, policy: PromotionSettings, use_case: str
) -> dict[str, Any]:
    """What is kept with the move: the policy that applied, and what it was decided on."""
    return {
        "risk_tier": risk_tier,
        "policy": policy.model_dump(mode="json"),
        "use_case_sha256": use_case,
        "facts": asdict(facts),
        "verdict": asdict(verdict),
    }


def _objection(
    approval: Decision, version: ModelVersion, evaluation: Evaluation, actor: str, policy: PromotionSettings
) -> str | None:
    """Why an approval does not count; None if it does."""
    if not _may_decide(approval, policy):
        return "who is not among people, or whose signature is missing or of something else"
    if approval.evaluation_id != evaluation.id:
        return f"whose approval is of evaluation {approval.evaluation_id or 'none'}, not of the latest, {evaluation.id}"
    if policy.separation_of_duties and approval.actor == version.created_by:
        return "who trained it"
    if policy.separation_of_duties and approval.actor == actor:
        return "who promotes it"
    return None


def _may_decide(decision: Decision, policy: PromotionSettings) -> bool:
    if not policy.people:
        return True
    person = policy.people.get(decision.actor)
    if person is None:
        return False
    return person.public_key is None or is_signed_by(person.public_key, decision)
