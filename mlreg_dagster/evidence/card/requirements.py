"""What a requirement is, and the result of one for one version. The list of them is in `catalogue`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from mlreg_dagster.config.sections.governance import Tier
from mlreg_dagster.evidence.card.context import CardContext

State = Literal["there", "missing", "against", "unknown"]
"""Of a requirement: it is met; something is not there; something contradicts it; it was not measured."""

EVERY_TIER: tuple[Tier, ...] = ("low", "high")
HIGH: tuple[Tier, ...] = ("high",)

_WORST_FIRST: tuple[State, ...] = ("missing", "against", "unknown", "there")


class Finding(NamedTuple):
    """The result of one requirement for one version.

    Attributes:
        state: Whether it is met.
        text: One sentence for readers; empty where it is met and nothing need be said.
    """

    state: State
    text: str = ""


THERE = Finding("there")


@dataclass(frozen=True)
class Requirement:
    """What a section must hold to be complete.

    Attributes:
        key: Stable and dotted, such as `use_case.out_of_scope`: the name in card.json, docs/compliance.md and messages.
        section: Key of `elements.SECTIONS`.
        text: What must be there, in one clause.
        sources: Where it is asked for, such as "EU AI Act, Annex IV 1(a)".
        tiers: The risk tiers in which it is required; in others it is shown, and keeps nothing from being complete.
        find: Looks whether it is met.
        in_headline: Whether its sentence stands in the headline in any state, as what speaks against a version does.
    """

    key: str
    section: str
    text: str
    sources: tuple[str, ...]
    tiers: tuple[Tier, ...]
    find: Callable[[CardContext], Finding]
    in_headline: bool = False


class Checked(NamedTuple):
    """A requirement, and its result for one version.

    Attributes:
        requirement: Which one.
        finding: Its result.
        required: Whether the risk tier in force requires it.
    """

    requirement: Requirement
    finding: Finding
    required: bool


def check(requirements: Iterable[Requirement], context: CardContext, tier: Tier) -> tuple[Checked, ...]:
    """Look whether requirements are met.

    Args:
        requirements: Which ones.
        context: What is on record of the version.
        tier: The risk tier in force.
    """
    return tuple(Checked(each, each.find(context), tier in each.tiers) for each in requirements)


def sentences(checked: Iterable[Checked], state: State) -> tuple[str, ...]:
    """What is in that state, of the requirements that the risk tier requires."""
    return tuple(each.finding.text for each in checked if each.required and each.finding.state == state)


def unless(problem: str | None, state: State = "missing") -> Finding:
    """Met, unless there is a problem."""
    return Finding(state, problem) if problem else THERE


def without(problems: Iterable[str], state: State = "missing") -> Finding:
    """Met, unless there are problems."""
    return unless(" ".join(problems), state)


def all_of(findings: Iterable[Finding]) -> Finding:
    """Several findings as one: the worst state, with the sentences of all that are not met, the worst first."""
    bad = sorted((each for each in findings if each.state != "there"), key=lambda each: _WORST_FIRST.index(each.state))
    return Finding(bad[0].state, " ".join(each.text for each in bad)) if bad else THERE
