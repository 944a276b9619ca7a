"""The decision table: may this version hold the alias, must it wait, or is it refused?

A refusal can't be waived: failed or missing gates, and a standing rejection. A hold can: approvals may still come, and
a waiver with a reason and an end waives the rules that it names, but never an approval. A rollback, to a version that
held the alias before, waits for nothing: a person who is woken at night must be able to go back. It is judged by the
gates that admitted it (`admission`). Only one that automation asks for waits for a person where the risk is high.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mlreg_dagster.config.sections.governance import PromotionSettings, TierPolicy
from mlreg_dagster.outcomes.names import WORTH_ENOUGH, WorthVerdict

FREEZE, STABILITY, AGE, OUTCOMES, WORTH = (
    "freeze",
    "stability",
    "evaluation_age",
    "matured_outcomes",
    "worth_on_outcomes",
)
WAIVABLE = (FREEZE, STABILITY, AGE, OUTCOMES, WORTH)
"""The rules that a waiver may waive."""

_SHOWN = 5

Stability = Literal["stable", "unstable", "not measured"]
Outcome = Literal["promote", "hold", "refuse"]

_STABILITY_IN_WORDS: dict[Stability, str] = {
    "stable": "the evaluation is stable",
    "unstable": "the evaluation is unstable",
    "not measured": "the stability of the evaluation was not measured",
}


@dataclass(frozen=True)
class WorthFound:
    """How a version did on matured outcomes against one opponent.

    Attributes:
        opponent: The best simple ranking, or the champion.
        verdict: Whether the version is better.
        detail: The numbers behind it, in a sentence.
    """

    opponent: str
    verdict: WorthVerdict
    detail: str


@dataclass(frozen=True)
class Facts:
    """The facts about a version that asks for an alias.

    Attributes:
        failed_gates: Of the evaluation that counts, each with its reason; of a former holder, those that admitted it.
        missing_gates: That the tier asks for and the evaluation has not measured; none of a former holder.
        stability: Of that evaluation, and why.
        stability_detail: The numbers behind it.
        rejected_by: Who rejects it, with their reasons.
        approved_by: Whose approvals count.
        roles: Which roles these have among them.
        not_counted: Approvals that don't count, and why.
        waived: The rules that waivers waive now, each with who granted it and why.
        frozen: Why nothing moves now; None if it does.
        suspended: The suspension by which nothing moves but back; no waiver waives it. None: there is none.
        evaluation_age_days: How old the evaluation is.
        matured_outcomes: Resolved outcomes of the version that are no in-sample ones; None: not asked for.
        worth: How it did on matured outcomes against the best simple ranking and the champion; None: not asked for.
        is_rollback: The version held the alias before, and no rollback left it.
        needs_person: Why a rollback that automation asks for waits for a person; None if it does not.
        stranger: Why the actor may not move the alias; None if they may.
        departures: How the evaluation departs from the configuration in force.
        failed_before: Earlier evaluations that failed under other settings; they refuse nothing, but are shown.
        changed_hours: Hours of its training data that changed since they were frozen; shown, too.
        needs_rollout: Why it waits for a rollout in place of this promotion; None if it does not.
        stricter_today: What today's policy asks beyond what admitted a former holder, and it does not meet; shown, too.
    """

    failed_gates: tuple[str, ...] = ()
    missing_gates: tuple[str, ...] = ()
    stability: Stability = "not measured"
    stability_detail: str = ""
    rejected_by: tuple[str, ...] = ()
    approved_by: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    not_counted: tuple[str, ...] = ()
    waived: Mapping[str, str] | None = None
    frozen: str | None = None
    evaluation_age_days: float = 0.0
    matured_outcomes: int | None = None
    worth: tuple[WorthFound, ...] | None = None
    is_rollback: bool = False
    needs_person: str | None = None
    stranger: str | None = None
    departures: tuple[str, ...] = ()
    failed_before: tuple[str, ...] = ()
    changed_hours: int | None = None
    needs_rollout: str | None = None
    stricter_today: tuple[str, ...] = ()
    suspended: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What the policy says.

    Attributes:
        outcome: Go on, wait, or never.
        reasons: Why it waits or is refused; empty for a promotion.
        waived: The holds that waivers waived.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()


def judge(facts: Facts, tier: TierPolicy, policy: PromotionSettings) -> Verdict:
    """The decision table."""
    refused = [
        *([facts.stranger] if facts.stranger else []),
        *(f"failed {gate}" for gate in facts.failed_gates),
        *(f"{gate} was not measured; evaluate it again under this policy" for gate in facts.missing_gates),
        *(f"rejected by {who}" for who in facts.rejected_by),
    ]
    if facts.departures and not tier.experiments:
        refused.append(
            f"its evaluation was not done as configured ({'; '.join(facts.departures[:_SHOWN])}); evaluate it again"
        )
    if refused:
        return Verdict("refuse", tuple(refused))
    holds = {} if facts.is_rollback else _holds(facts, tier, policy)
    waivers = facts.waived or {}
    waived = tuple(f"{name}: {waivers[name]}" for name in holds if name in waivers)
    waiting = [reason for name, reason in holds.items() if name not in waivers]
    if facts.suspended:
        waiting.append(facts.suspended)
    if facts.needs_person:
        waiting.append(facts.needs_person)
    if facts.needs_rollout:
        waiting.append(facts.needs_rollout)
    if not facts.is_rollback:
        waiting += _missing_approvals(facts, tier)
    return Verdict("hold" if waiting else "promote", tuple(waiting), waived)


def _holds(facts: Facts, tier: TierPolicy, policy: PromotionSettings) -> dict[str, str]:
    """The holds that a waiver may waive, by name."""
    holds = {}
    if facts.frozen is not None:
        holds[FREEZE] = f"nothing moves now: {facts.frozen}"
    if facts.stability == "unstable" or (tier.stable and facts.stability == "not measured"):
        detail = f" ({facts.stability_detail})" if facts.stability_detail else ""
        holds[STABILITY] = f"{_STABILITY_IN_WORDS[facts.stability]}{detail}"
    most = policy.max_evaluation_age_days
    if most is not None and facts.evaluation_age_days > most:
        holds[AGE] = f"the evaluation is {facts.evaluation_age_days:.1f} days old, allowed are {most}"
    if facts.matured_outcomes is not None and facts.matured_outcomes < policy.min_matured_outcomes:
        holds[OUTCOMES] = (
            f"{facts.matured_outcomes} of its outcomes have matured, asked are {policy.min_matured_outcomes}"
        )
    if tier.worth is not None and (lacking := _worth_lacking(facts.worth, tier.worth)):
        holds[WORTH] = lacking
    return holds


def _worth_lacking(found: tuple[WorthFound, ...] | None, asked: str) -> str:
    """What matured outcomes do not show although the tier asks for it; empty where they show it."""
    if found is None:
        return ""
    words = asked.replace("_", " ")
    if not found:
        return f"its outcomes are to show that it is {words} than the best simple ranking, and none has matured"
    lacking = [each for each in found if each.verdict not in WORTH_ENOUGH[asked]]
    return "; ".join(
        f"its outcomes are to show that it is {words} than {each.opponent}: {each.verdict} ({each.detail})"
        for each in lacking
    )


def _missing_approvals(facts: Facts, tier: TierPolicy) -> list[str]:
    reasons = []
    if len(facts.approved_by) < tier.approvals:
        reasons.append(f"{len(facts.approved_by)} of {tier.approvals} approvals are there")
    if absent := [role for role in tier.roles if role not in facts.roles]:
        reasons.append(f"nobody who approved is a {', or a '.join(absent)}")
    if reasons and facts.not_counted:
        reasons.append(f"not counted: {'; '.join(facts.not_counted)}")
    return reasons
