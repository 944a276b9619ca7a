"""What section 4 requires: a record that fits, the policy in force, and decisions that count."""

from collections.abc import Iterator

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import when
from mlreg_dagster.evidence.card.requirements import EVERY_TIER, Finding, Requirement, unless, without
from mlreg_dagster.evidence.card.standing import Standing
from mlreg_dagster.evidence.card.suspensions import suspended
from mlreg_dagster.governance.decisions import signing
from mlreg_dagster.governance.policy.facts import waived_rules
from mlreg_dagster.registry import AliasEvent, Decision

_SHOWN = 5
_OVERSIGHT = "EU AI Act, Art. 14"
_GOVERNANCE = "SR 11-7, VI"


def _audit(context: CardContext) -> Finding:
    return unless(f"The audit log does not fit: {context.tampering}" if context.tampering else None)


def _evidence(context: CardContext) -> Finding:
    return without(
        f"The move of {move.alias} recorded {when(move.recorded_at)} keeps no evidence of a policy."
        for move in context.moves
        if not move.evidence
    )


def _in_force(context: CardContext) -> Finding:
    found = context.policy_differences
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    text = (
        f"The configuration files that this card was made with are not the policy in force, by which it judges: "
        f"{'; '.join(found[:_SHOWN])}{more}."
    )
    return unless(text if found else None, "against")


def _tier(context: CardContext) -> Finding:
    """The tier in force is not below that of the moves by which the version holds its aliases."""
    if context.tier == "high":
        return Finding("there")
    adopted = context.policy
    by = f", adopted by {adopted.actor} on {when(adopted.recorded_at)} (“{adopted.reason}”)" if adopted else ""
    return without(
        (
            f"It became {move.alias} in the risk tier high, and the tier was lowered to low since{by}."
            for move in context.held
            if move.evidence.get("risk_tier") == "high"
        ),
        "against",
    )


def _not_suspended(context: CardContext) -> Finding:
    return without((f"{each.in_words}. It does not score." for each in suspended(context)), "against")


def _approvals(context: CardContext) -> Finding:
    """What the tier in force asks of people was done, for the aliases that it holds."""
    return without(text for alias, standing in context.standings.items() for text in _lacking(context, alias, standing))


def _lacking(context: CardContext, alias: str, standing: Standing) -> list[str]:
    asked, where = context.tier_policy, f"As {alias} it needs"
    lacking = []
    if len(standing.approved) < asked.approvals:
        lacking.append(
            f"{where} {asked.approvals} approvals in the risk tier {context.tier}, and {len(standing.approved)} count."
        )
    if absent := [role for role in asked.roles if role not in standing.roles]:
        lacking.append(f"{where} an approval by a {', and by a '.join(absent)}, in the risk tier {context.tier}.")
    if lacking and standing.not_counted:
        lacking.append(f"Not counted: {'; '.join(standing.not_counted)}.")
    return lacking


def _signed(context: CardContext) -> Finding:
    return without((_unsigned(each) for each in _standing(context) if not _is_signed(each, context)), "against")


def _unsigned(decision: Decision) -> str:
    how = "not signed" if decision.signature is None else "not signed with that key"
    return (
        f"promotion.yaml names a key for {decision.actor}, and the {decision.title} #{decision.id} is {how}: it counts "
        f"for nothing."
    )


def _is_signed(decision: Decision, context: CardContext) -> bool:
    known = context.rules.promotion.people.get(context.rules.promotion.person(decision.actor))
    if known is None or known.public_key is None:
        return True
    return signing.verifies(known.public_key, decision.signature, signing.decision_message(decision))


def _waivers(context: CardContext) -> Finding:
    trainer = context.rules.promotion.person(context.version.created_by)
    return without(
        (
            f"{each.actor}, who trained it, waived {', '.join(each.waives)} for it."
            for each in _standing(context)
            if each.is_waiver and context.rules.promotion.person(each.actor) == trainer
        ),
        "against",
    )


def _approvals_of_passed(context: CardContext) -> Finding:
    """No approval is of an evaluation that failed."""
    failed = {each.id: each for each in context.evaluations if not each.passed}
    return without(
        (
            f"{each.actor} approved evaluation {each.evaluation_id}, which failed "
            f"{', '.join(gate.name for gate in failed[each.evaluation_id].gates if not gate.passed)}."
            for each in _standing(context)
            if each.kind == "approval" and each.evaluation_id in failed
        ),
        "against",
    )


def _without_reservation(context: CardContext) -> Finding:
    return without((text for move in context.moves for text in reservations(move)), "against")


def reservations(move: AliasEvent) -> list[str]:
    """Reservations about a move: waivers, experiments, failures before, changed data."""
    facts = move.evidence.get("facts", {})
    where = f"It became {move.alias} on {when(move.effective_at)}"
    sentences = [f"{where} by a waiver of {text}." for text in waived_rules(move.evidence)]
    if departures := facts.get("departures"):
        sentences.append(f"{where} on an evaluation that was not done as configured: {'; '.join(departures)}.")
    sentences += [f"{where} although {text}." for text in facts.get("failed_before", ())]
    if hours := facts.get("changed_hours"):
        sentences.append(f"{where} although {hours} hours of its training data had changed since they were frozen.")
    return sentences


def _standing(context: CardContext) -> Iterator[Decision]:
    """Decisions that were not withdrawn."""
    withdrawn = {each.decision_id for each in context.withdrawals}
    return (each for each in context.decisions if each.id not in withdrawn)


REQUIREMENTS = (
    Requirement(
        "promotion.audit",
        "promotion",
        "an audit log that fits the records",
        ("EU AI Act, Art. 12", "ISO/IEC 42001, A.6.2.8"),
        EVERY_TIER,
        _audit,
        in_headline=True,
    ),
    Requirement(
        "promotion.evidence",
        "promotion",
        "the policy by which each alias moved",
        ("EU AI Act, Art. 12", _GOVERNANCE),
        EVERY_TIER,
        _evidence,
    ),
    Requirement(
        "promotion.policy_in_force",
        "promotion",
        "files that ask for the policy in force",
        (_GOVERNANCE, "ISO/IEC 42001, A.2.2"),
        EVERY_TIER,
        _in_force,
    ),
    Requirement(
        "promotion.tier",
        "promotion",
        "a risk tier that was not lowered since it was promoted",
        ("EU AI Act, Art. 9(2)", _GOVERNANCE),
        EVERY_TIER,
        _tier,
    ),
    Requirement(
        "promotion.not_suspended",
        "promotion",
        "no suspension of an alias that it holds",
        ("EU AI Act, Art. 14(4)", "NIST AI RMF, MANAGE 2.4"),
        EVERY_TIER,
        _not_suspended,
        in_headline=True,
    ),
    Requirement(
        "promotion.approvals",
        "promotion",
        "the approvals that the risk tier in force asks for",
        (_OVERSIGHT, _GOVERNANCE, "ISO/IEC 42001, A.3.2"),
        EVERY_TIER,
        _approvals,
        in_headline=True,
    ),
    Requirement(
        "promotion.signed",
        "promotion",
        "signatures, where promotion.yaml names keys",
        (_OVERSIGHT, "EU AI Act, Art. 12"),
        EVERY_TIER,
        _signed,
    ),
    Requirement(
        "promotion.approvals_of_passed",
        "promotion",
        "approvals of evaluations that passed",
        (_GOVERNANCE, "NIST AI RMF, MANAGE 1.1"),
        EVERY_TIER,
        _approvals_of_passed,
    ),
    Requirement(
        "promotion.waivers",
        "promotion",
        "no waiver by the person who trained it",
        (_GOVERNANCE, "ISO/IEC 42001, A.3.2"),
        EVERY_TIER,
        _waivers,
    ),
    Requirement(
        "promotion.without_reservation",
        "promotion",
        "moves without waivers, experiments, earlier failures or changed data",
        (_GOVERNANCE, "NIST AI RMF, GOVERN 1.2"),
        EVERY_TIER,
        _without_reservation,
    ),
)
