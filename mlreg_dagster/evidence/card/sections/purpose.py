"""Section 1: what a version is for."""

from typing import Any

from mlreg_dagster.config.sections.governance import SuccessMetric
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Section, Table, Values


def use_case(context: CardContext) -> Section:
    """What it is for.

    A version that was built under another use case than today's counts as bound to today's once an alias was moved to
    it under today's; else what is shown here is not what it was built for, and the section is incomplete.
    """
    case = context.settings.use_case
    built_under = context.version.manifest.get("use_case_sha256")
    moved_under = {move.evidence.get("use_case_sha256") for move in context.moves}
    missing = []
    if built_under is None:
        missing.append(f"{context.version.version} does not say under which use case it was built.")
    elif built_under != case.sha256 and case.sha256 not in moved_under:
        missing.append(
            f"{context.version.version} was built under another use case than today's, and no alias was moved "
            f"to it under today's."
        )
    if not case.success and case.worth is None:
        missing.append("use_case.yaml names no metric of success, and asks for no worth.")
    facts: tuple[Fact, ...] = (
        Values(
            "Use case",
            {
                "name": case.name,
                "objective": case.objective,
                "owner": case.owner,
                "risk tier": case.risk_tier,
                "worth asked, against every simple ranking": (case.worth or "not asked").replace("_", " "),
                "SHA-256 of use_case.yaml's values": case.sha256,
                "the version was built under": built_under,
                "these are the same": built_under == case.sha256,
            },
            key="use_case",
        ),
        Table("Metrics of success", [_bounds(each) for each in case.success], key="success"),
        Values("Constraints", case.constraints.model_dump(), key="constraints"),
    )
    return Section("use_case", facts, tuple(missing))


def _bounds(asked: SuccessMetric) -> dict[str, Any]:
    return {"metric": asked.metric, "at least": asked.at_least, "at most": asked.at_most}
