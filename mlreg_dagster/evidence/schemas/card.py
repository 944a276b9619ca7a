"""card.json: a card for programs."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from mlreg_dagster.evidence.schemas.types import Key, State, Time, Version

FILE = "card.json"


class _Fact(Struct, tag_field="kind", frozen=True, kw_only=True):
    pass


class TextFact(_Fact, tag="text", frozen=True):
    """Sentences for people."""

    text: str


class ValuesFact(_Fact, tag="values", frozen=True):
    """Named values; null where a value is unknown or undefined."""

    title: str
    values: dict[Key, Any]


class TableFact(_Fact, tag="table", frozen=True):
    """Rows with the same keys."""

    title: str
    rows: list[dict[Key, Any]]


class RequirementDocument(Struct, frozen=True, kw_only=True):
    """What the section must hold, and whether it does."""

    text: str
    sources: list[str]
    required: Annotated[bool, Meta(description="Whether the risk tier in force requires it.")]
    state: Literal["there", "missing", "against", "unknown"]
    finding: Annotated[str, Meta(description="Empty where nothing need be said.")]


class SectionDocument(Struct, frozen=True, kw_only=True):
    """One of the ten sections: what is on record, and what keeps it from being complete."""

    number: Annotated[int, Meta(ge=1, le=10)]
    gate: str
    title: str
    complete: bool
    state: State
    missing: list[str]
    against: list[str]
    unknown: list[str]
    requirements: dict[Key, RequirementDocument]
    facts: dict[Key, TextFact | ValuesFact | TableFact]


class Answer(Struct, frozen=True, kw_only=True):
    """The answer to one of a reviewer's first questions."""

    question: str
    answer: str


class CardDocument(Struct, frozen=True, kw_only=True):
    """Everything on record of one version; sections and facts are addressed by stable keys."""

    format: Literal["mlreg-card"] = "mlreg-card"
    schema_version: Literal[1] = 1
    version: Version
    made_at: Time
    headline: str
    complete: bool
    state: State
    answers: dict[Key, Answer]
    sections: dict[Key, SectionDocument]
