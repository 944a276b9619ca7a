"""What section 5 requires: an artifact that is intact and small enough, and no rollout that was rolled back."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.requirements import EVERY_TIER, Finding, Requirement, unless
from mlreg_dagster.governance.rollout.wording import split_in_words
from mlreg_dagster.registry.records.traffic import ROLLED_BACK

_MEGABYTE = 1e6


def _artifact(context: CardContext) -> Finding:
    problem = context.bundle.problem
    if context.untried and not problem:
        text = "The artifact has the hash on record; whether it loads was not tried: mlreg bundle tries it."
        return Finding("unknown", text)
    return unless(f"The artifact can't be used: {problem}" if problem else None)


def _size(context: CardContext) -> Finding:
    size, most = context.bundle.size, context.use_case.constraints.max_model_mb
    too_large = f"The bundle has {size:,} bytes; the use case allows {most:g} MB."
    return unless(too_large if size > most * _MEGABYTE else None)


def _rollout(context: CardContext) -> Finding:
    """Its last rollout was not rolled back, or another one was opened since."""
    rolled_back = context.traffic and context.traffic[-1].state == ROLLED_BACK
    return unless(split_in_words(context.traffic[-1]) if rolled_back else None, "against")


REQUIREMENTS = (
    Requirement(
        "serving.artifact",
        "serving",
        "the artifact, with the hash on record, that loads",
        ("EU AI Act, Art. 15(5)", "ISO/IEC 42001, A.6.2.5"),
        EVERY_TIER,
        _artifact,
    ),
    Requirement(
        "serving.size",
        "serving",
        "a bundle within the limits of the use case",
        ("EU AI Act, Annex IV 1(e)",),
        EVERY_TIER,
        _size,
    ),
    Requirement(
        "serving.rollout",
        "serving",
        "no rollout that was rolled back",
        ("EU AI Act, Art. 9(6)", "ISO/IEC 42001, A.6.2.5"),
        EVERY_TIER,
        _rollout,
    ),
)
