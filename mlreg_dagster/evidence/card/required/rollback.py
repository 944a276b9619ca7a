"""What section 7 requires: a version to go back to, and a policy that lets it back now."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.requirements import EVERY_TIER, THERE, Finding, Requirement, unless
from mlreg_dagster.models.names import CHAMPION


def _target(context: CardContext) -> Finding:
    if CHAMPION not in context.aliases or context.way_back.version is not None:
        return THERE
    return unless(context.way_back.problem)


def _permitted(context: CardContext) -> Finding:
    way_back, name = context.way_back, context.version.version
    if way_back.untried:
        text = f"Whether the policy lets {way_back.version} back now was not tried: mlreg bundle {name} tries it."
        return Finding("unknown", text)
    return unless(way_back.problem if way_back.version is not None else None)


REQUIREMENTS = (
    Requirement(
        "rollback.target",
        "rollback",
        "a version to go back to, where it is champion",
        ("EU AI Act, Art. 14(4)", "NIST AI RMF, MANAGE 2.4"),
        EVERY_TIER,
        _target,
    ),
    Requirement(
        "rollback.permitted",
        "rollback",
        "a rollback that the policy permits now, tried when this card was made",
        ("EU AI Act, Art. 14(4)", "EU AI Act, Art. 15(4)", "NIST AI RMF, MANAGE 2.4"),
        EVERY_TIER,
        _permitted,
        in_headline=True,
    ),
)
