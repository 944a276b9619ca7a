"""What waits for people: versions that passed their gates and were never champion, and requests that were refused.

The policy's own answer is shown; nothing moves. Outcomes are brought by the caller.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.governance.policy.admission import judged_evaluation
from mlreg_dagster.governance.policy.facts import facts_of
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.governance.policy.judgement import Outcome, WorthFound, judge
from mlreg_dagster.governance.standing import Standings, VersionStanding
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry import Attribution, Dossier, ModelVersion, Refusal, Registry, version_number

MOST = 3
"""How many versions, and how many requests, are looked at: the newest."""

_NOBODY_YET = ""


@dataclass(frozen=True)
class WaitingVersion:
    """A version that passed its gates, was never champion, and is newer than the champion.

    Attributes:
        version: Its name.
        evaluated_at: When the evaluation that counts was recorded.
        outcome: What the policy would say of a promotion that anyone who may asks for.
        reasons: Why it waits or is refused.
        approved_by: Whose approvals count.
        approvals: How many are asked for.
        may_approve: Who may add one, or whom the rule leaves out.
    """

    version: str
    evaluated_at: datetime
    outcome: Outcome
    reasons: tuple[str, ...]
    approved_by: tuple[str, ...]
    approvals: int
    may_approve: str


def waiting_versions(
    registry: Registry,
    found: Standings,
    rules: Rules,
    *,
    matured_outcomes: Callable[[str], int],
    worth: Callable[[str], tuple[WorthFound, ...]],
) -> list[WaitingVersion]:
    """The newest versions that wait for a promotion to champion, the newest first, at most MOST.

    Args:
        registry: Where their records are.
        found: How all stand at the time that is asked about.
        rules: In force then.
        matured_outcomes: Counts those of a version.
        worth: What the outcomes of a version say.
    """
    return [_waiting(registry, each, found, rules, matured_outcomes, worth) for each in _candidates(found)[:MOST]]


def pending_refusals(registry: Registry, found: Standings) -> list[Refusal]:
    """The newest promotions that were refused or had to wait, and have not gone through since; at most MOST."""
    histories = registry.histories()
    recorded = [each for each in registry.refusals() if each.recorded_at <= found.as_of]
    last = {(each.alias, each.version): each for each in recorded}
    pending = [
        each
        for each in last.values()
        if not any(
            move.version == each.version and each.recorded_at <= move.recorded_at <= found.as_of
            for move in histories.get(each.alias, ())
        )
    ]
    return sorted(pending, key=lambda each: each.id, reverse=True)[:MOST]


def _candidates(found: Standings) -> list[VersionStanding]:
    """Evaluated versions newer than the champion, the newest first."""
    champion = found.aliases.get(CHAMPION)
    least = version_number(champion.move.version) if champion and champion.move else 0
    held = {"champion", "former", "rolled_back"}
    return [
        each
        for each in reversed(found.versions)
        if each.status == "evaluated"
        and version_number(each.version.version) > least
        and not any(badge.alias == CHAMPION and badge.kind in held for badge in each.badges)
    ]


def _waiting(
    registry: Registry,
    standing: VersionStanding,
    found: Standings,
    rules: Rules,
    matured_outcomes: Callable[[str], int],
    worth: Callable[[str], tuple[WorthFound, ...]],
) -> WaitingVersion:
    name, tier = standing.version.version, rules.promotion.of(rules.use_case.risk_tier)
    dossier = _until(registry.dossier(name, CHAMPION), standing, found)
    evaluation = judged_evaluation(dossier, experiments=tier.experiments)
    facts = facts_of(
        dossier,
        rules,
        evaluation,
        Attribution(_NOBODY_YET, found.as_of),
        matured_outcomes=lambda: matured_outcomes(name),
        worth=lambda: worth(name),
    )
    verdict = judge(replace(facts, stranger=None), tier, rules.promotion)
    return WaitingVersion(
        name,
        evaluation.recorded_at,
        verdict.outcome,
        verdict.reasons,
        facts.approved_by,
        tier.approvals,
        _may_approve(rules.promotion, standing.version, facts.approved_by) if tier.approvals else "no approval asked",
    )


def _until(dossier: Dossier, standing: VersionStanding, found: Standings) -> Dossier:
    """The dossier as it was at the time of the standings."""
    as_of, counting = found.as_of, standing.evaluation
    return replace(
        dossier,
        evaluations=[each for each in dossier.evaluations if each.recorded_at <= as_of or each == counting],
        decisions=[each for each in dossier.decisions if each.recorded_at <= as_of],
        withdrawals=[each for each in dossier.withdrawals if each.recorded_at <= as_of],
        moves=[each for each in dossier.moves if each.effective_at <= as_of],
        suspended={each.alias: each for each in found.suspended},
    )


def _may_approve(policy: PromotionSettings, version: ModelVersion, approved: Iterable[str]) -> str:
    """Who may add an approval, by the policy: in words, as nobody need be named in it."""
    trainer = policy.person(version.created_by)
    left_out = {*approved, *([trainer] if policy.separation_of_duties else [])}
    if not policy.people:
        but = f" but {', '.join(sorted(left_out))}" if left_out else ""
        return f"anyone{but}"
    names = [
        f"{name} ({', '.join(person.roles)})" if person.roles else name
        for name, person in policy.people.items()
        if name not in left_out
    ]
    return ", ".join(names) or "nobody that promotion.yaml names"
