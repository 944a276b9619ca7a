"""Section 1: what a version is for."""

from typing import Any

from mlreg_dagster.config.sections.governance import SuccessMetric
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Section, Table, Values


def use_case(context: CardContext) -> Section:
    """What it is for, by the use case in force."""
    case = context.use_case
    built_under = context.version.manifest.get("use_case_sha256")
    facts: tuple[Fact, ...] = (
        Values(
            "Use case",
            {
                "name": case.name,
                "objective": case.objective,
                "owner": case.owner,
                "risk tier": case.risk_tier,
                "for real use": case.for_real_use,
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
    return Section("use_case", facts)


def _bounds(asked: SuccessMetric) -> dict[str, Any]:
    return {"metric": asked.metric, "at least": asked.at_least, "at most": asked.at_most}
