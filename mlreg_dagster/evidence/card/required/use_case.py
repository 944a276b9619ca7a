"""What section 1 requires of the use case that is in force; texts that people write are in `contents`."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.requirements import EVERY_TIER, Finding, Requirement, without


def _bound(context: CardContext) -> Finding:
    """Built under it, or promoted under it since."""
    name, today = context.version.version, context.use_case.sha256
    built_under = context.version.manifest.get("use_case_sha256")
    moved_under = {move.evidence.get("use_case_sha256") for move in context.moves}
    problems = []
    if built_under is None:
        problems.append(f"{name} does not say under which use case it was built.")
    elif built_under != today and today not in moved_under:
        problems.append(
            f"{name} was built under another use case than today's, and no alias was moved to it under today's."
        )
    return without(problems)


def _success(context: CardContext) -> Finding:
    case = context.use_case
    none = not case.success and case.worth is None
    return without(["use_case.yaml names no metric of success, and asks for no worth."] if none else [])


REQUIREMENTS = (
    Requirement(
        "use_case.bound",
        "use_case",
        "the use case in force is the one that it was built or promoted under",
        ("EU AI Act, Annex IV 1(a)", "SR 11-7, V"),
        EVERY_TIER,
        _bound,
    ),
    Requirement(
        "use_case.success",
        "use_case",
        "a measure of success that outcomes can meet or fail",
        ("EU AI Act, Annex IV 3", "NIST AI RMF, MAP 1.4"),
        EVERY_TIER,
        _success,
    ),
)
