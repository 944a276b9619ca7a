"""The facts of the contents, by the section that they belong to."""

from collections.abc import Callable, Mapping, Sequence

from mlreg_dagster.evidence.card.contents import plan, shown, software, written
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact

_BY_SECTION: Mapping[str, Sequence[Callable[[CardContext], list[Fact]]]] = {
    "use_case": (written.purpose_facts,),
    "lineage": (written.data_facts, shown.source_facts, shown.coverage_facts),
    "evaluation": (written.validation_facts, shown.change_facts),
    "monitoring": (shown.segment_facts, shown.episode_facts, plan.plan_facts),
    "reproducibility": (software.software_facts,),
    "operations": (written.care_facts,),
}


def contents_of(context: CardContext, section: str) -> tuple[Fact, ...]:
    """What a section shows beside the record of decisions."""
    return tuple(fact for make in _BY_SECTION.get(section, ()) for fact in make(context))
