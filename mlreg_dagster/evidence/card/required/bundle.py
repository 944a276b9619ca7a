"""What section 10 requires of the files; what the other sections lack stands there as well, by their numbers."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.requirements import EVERY_TIER, Finding, Requirement, without


def _files(context: CardContext) -> Finding:
    parts = (context.bundle, *context.parts)
    return without(f"The files of {part.kind} {part.key} can't be listed." for part in parts if not part.files)


REQUIREMENTS = (
    Requirement(
        "bundle.files",
        "bundle",
        "every file of the version, with its hash",
        ("EU AI Act, Art. 18(1)", "EU AI Act, Art. 12(1)"),
        EVERY_TIER,
        _files,
    ),
)
