"""The list of all requirements, in the order of the sections; what a requirement is stands in `requirements`."""

from mlreg_dagster.evidence.card.contents import required as contents
from mlreg_dagster.evidence.card.required import operations
from mlreg_dagster.evidence.card.requirements import Requirement

REQUIREMENTS: tuple[Requirement, ...] = (*operations.REQUIREMENTS, *contents.REQUIREMENTS)


def of_section(key: str) -> tuple[Requirement, ...]:
    """The requirements of a section, in their order."""
    return tuple(each for each in REQUIREMENTS if each.section == key)
