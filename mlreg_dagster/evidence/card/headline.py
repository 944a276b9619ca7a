"""The first sentences of a card: its standing, and the worst that its sections hold."""

from collections.abc import Iterable, Iterator, Sequence

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Section
from mlreg_dagster.evidence.card.requirements import State


def headline_of(context: CardContext, sections: Sequence[Section]) -> str:
    """What the version is, what its standing is, and everything that contradicts the evidence.

    Args:
        context: What is on record.
        sections: All but the bundle, which repeats them.
    """
    return " ".join([_standing(context), *_worst_first(sections)])


def _standing(context: CardContext) -> str:
    evaluation = context.evaluation
    status = (
        "was never evaluated" if evaluation is None else "passed its gates" if evaluation.passed else "FAILED its gates"
    )
    holds = f"is {' and '.join(context.aliases)} now" if context.aliases else "holds no alias now"
    what = f"{context.version.detector.replace('_', ' ')}, {context.use_case.name}"
    simulated = " Its market is simulated." if context.sources.is_simulated else ""
    return f"{context.version.version} ({what}) {status} and {holds}.{simulated}"


def _worst_first(sections: Sequence[Section]) -> Iterator[str]:
    if incomplete := _numbers(each for each in sections if each.missing):
        yield " ".join([f"INCOMPLETE: see section {incomplete}.", *_flagged(sections, "missing")])
    if against := [text for section in sections for text in section.against]:
        yield " ".join(["Against it:", *against])
    if unsure := _numbers(each for each in sections if each.unknown):
        yield " ".join([*_flagged(sections, "unknown"), f"Not everything is known: see section {unsure}."])
    if all(each.state == "complete" for each in sections):
        yield "Every section is complete."


def _flagged(sections: Iterable[Section], state: State) -> Iterator[str]:
    return (
        each.finding.text
        for section in sections
        for each in section.required
        if each.required and each.requirement.in_headline and each.finding.state == state
    )


def _numbers(sections: Iterable[Section]) -> str:
    return ", ".join(str(each.number) for each in sections)
