"""The list of all requirements, in the order of the sections; what a requirement is stands in `requirements`."""

from mlreg_dagster.evidence.card.contents import required as contents
from mlreg_dagster.evidence.card.required import (
    bundle,
    evaluation,
    lineage,
    monitoring,
    operations,
    promotion,
    reproducibility,
    rollback,
    serving,
    use_case,
)
from mlreg_dagster.evidence.card.requirements import Requirement

REQUIREMENTS: tuple[Requirement, ...] = (
    *use_case.REQUIREMENTS,
    *lineage.REQUIREMENTS,
    *evaluation.REQUIREMENTS,
    *promotion.REQUIREMENTS,
    *serving.REQUIREMENTS,
    *monitoring.REQUIREMENTS,
    *rollback.REQUIREMENTS,
    *reproducibility.REQUIREMENTS,
    *operations.REQUIREMENTS,
    *bundle.REQUIREMENTS,
    *contents.REQUIREMENTS,
)


def of_section(key: str) -> tuple[Requirement, ...]:
    """The requirements of a section, in their order."""
    return tuple(each for each in REQUIREMENTS if each.section == key)
