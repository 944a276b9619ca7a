"""The elements of a card: ten sections, each with facts that people and programs can read, and what it lacks.

A section is complete when everything is there, nothing speaks against the version, and nothing is left unknown.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from mlreg_dagster.evidence.card.requirements import Checked

SECTIONS = {
    "use_case": "Use case",
    "lineage": "Data and feature lineage",
    "evaluation": "Training and evaluation",
    "promotion": "Registry and promotion",
    "serving": "Serving and release",
    "monitoring": "Monitoring and drift",
    "rollback": "Retraining and rollback",
    "reproducibility": "Reproducibility",
    "operations": "Operations and incident readiness",
    "bundle": "Bundle",
}
"""Key and title of each section, in their order."""

GATES = {f"gate_{number:02d}_{key}": title for number, (key, title) in enumerate(SECTIONS.items(), start=1)}
"""Asset check and title of each section."""


@dataclass(frozen=True)
class Text:
    """A sentence or two.

    Attributes:
        text: Of people alone: what programs need stands in values and rows.
        key: Its stable name within its section, in snake_case.
    """

    kind: ClassVar = "text"
    text: str
    key: str = ""


@dataclass(frozen=True)
class Values:
    """Named values.

    Attributes:
        title: What they are about.
        values: JSON values and times by name; None where a value is unknown.
        folded: Many, of which few people want to see all.
        key: Their stable name within their section, in snake_case; titles may change and hold dates and numbers.
    """

    kind: ClassVar = "values"
    title: str
    values: Mapping[str, Any]
    folded: bool = False
    key: str = ""


@dataclass(frozen=True)
class Table:
    """Rows with the same names.

    Attributes:
        title: What they are about.
        rows: JSON values and times by name; none is an answer, too.
        folded: Many, of which few people want to see all.
        key: Their stable name within their section, in snake_case.
    """

    kind: ClassVar = "table"
    title: str
    rows: Sequence[Mapping[str, Any]]
    folded: bool = False
    key: str = ""


@dataclass(frozen=True)
class Picture:
    """A drawing of facts that stand beside it in numbers; `draw` gives an embedded image as Markdown."""

    kind: ClassVar = "picture"
    draw: Callable[[], str]


Fact = Text | Values | Table | Picture


class Remark(NamedTuple):
    """A sentence that keeps a section from being complete."""

    kind: Literal["Missing", "Against it", "Not known"]
    text: str


State = Literal["incomplete", "against", "unknown", "complete"]
"""Of a section or a card, the worst first."""


def worst(states: Iterable[State]) -> State:
    """The worst of several states; of none: complete."""
    return min(states, key=get_args(State).index, default="complete")


def _state(missing: object, against: object, unknown: object) -> State:
    return "incomplete" if missing else "against" if against else "unknown" if unknown else "complete"


@dataclass(frozen=True)
class Section:
    """One of the ten.

    Attributes:
        key: Of `SECTIONS`.
        facts: What is on record, in the order in which it is shown.
        missing: A sentence for each thing that is not there or not as it should be.
        against: A sentence for each thing that speaks against the version.
        unknown: A sentence for each thing that was not measured or is not known yet.
        required: Its requirements with their results, required by the risk tier in force or not.
    """

    key: str
    facts: tuple[Fact, ...]
    missing: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    required: "tuple[Checked, ...]" = ()

    @property
    def state(self) -> State:
        """Complete only where no sentence says otherwise."""
        return _state(self.missing, self.against, self.unknown)

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """Every sentence that keeps it from being complete, the worst first."""
        return (
            *(Remark("Missing", text) for text in self.missing),
            *(Remark("Against it", text) for text in self.against),
            *(Remark("Not known", text) for text in self.unknown),
        )

    @property
    def by_key(self) -> dict[str, Text | Values | Table]:
        """Its facts by their keys, without the pictures.

        One without a key gets the next number of its kind; two with the same key are told apart by a number as well.
        """
        found: dict[str, Text | Values | Table] = {}
        for fact in self.facts:
            if isinstance(fact, Picture):
                continue
            key = wanted = fact.key or fact.kind
            while key in found:
                key = f"{wanted}_{int(key.removeprefix(wanted).lstrip('_') or 1) + 1}"
            found[key] = fact
        return found

    @property
    def number(self) -> int:
        """1 to 10."""
        return list(SECTIONS).index(self.key) + 1

    @property
    def title(self) -> str:
        """For people."""
        return SECTIONS[self.key]

    @property
    def gate(self) -> str:
        """The name of its asset check."""
        return list(GATES)[self.number - 1]


@dataclass(frozen=True)
class Card:
    """Everything on record of one version, for readers.

    Attributes:
        version: Which one.
        made_at: When; outcomes and aliases are as of then.
        headline: What it is and what its standing is, in one sentence.
        answers: A reviewer's first questions, and their answers.
        sections: All ten, in their order.
    """

    version: str
    made_at: datetime
    headline: str
    answers: Mapping[str, str]
    sections: tuple[Section, ...]

    @property
    def missing(self) -> dict[str, tuple[str, ...]]:
        """What incomplete sections lack, by their check."""
        return {section.gate: section.missing for section in self.sections if section.missing}

    @property
    def against(self) -> tuple[str, ...]:
        """Everything that speaks against the version; the bundle only points at other sections."""
        return tuple(text for section in self.sections[:-1] for text in section.against)

    @property
    def state(self) -> State:
        """Complete only where every section is."""
        return _state(self.missing, self.against, any(section.unknown for section in self.sections))


def when(stamp: datetime) -> str:
    """A time in words; programs read it as ISO 8601."""
    return f"{stamp:%Y-%m-%d %H:%M} UTC"


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values under dotted names; what is empty is left out."""
    dotted: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            dotted |= flat(value, f"{prefix}{name}.")
        elif value not in (None, [], (), ""):
            dotted[f"{prefix}{name}"] = value
    return dotted
