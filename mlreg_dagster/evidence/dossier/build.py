"""Makes the documents of a dossier from a card, from what people wrote, and from the runbook."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlreg_dagster.core.untrusted.text import MarkdownText, visible
from mlreg_dagster.evidence.card.elements import SECTIONS, Fact, State, Table, Text, Values, worst
from mlreg_dagster.evidence.dossier.catalogue import DOCUMENTS, Asked, Document
from mlreg_dagster.evidence.schemas.card import CardDocument, SectionDocument, TextFact, ValuesFact

_HEADING = re.compile(r"^(#{1,4}) ", re.MULTILINE)


@dataclass(frozen=True)
class Writing:
    """A text of people in a document; None: it is still to be written."""

    asked: Asked
    text: str | None

    @property
    def task(self) -> str:
        """What is to be written, and where."""
        in_config = self.asked.place == "use_case.yaml"
        where = f"use_case.yaml: documentation.{self.asked.key}" if in_config else f"docs/dossier/{self.asked.key}.md"
        return f"[to be written: {self.asked.heading}. {self.asked.question} Place: {where}]"

    @property
    def markdown(self) -> MarkdownText:
        """The text as Markdown below the headings of the document: no tags, and nothing that hides."""
        text = visible(self.text or "", longest=None).replace("<", "&lt;")
        return MarkdownText(_HEADING.sub(r"##\1 ", text))


@dataclass(frozen=True)
class Chapter:
    """Facts of one section of the card, with what keeps the section from being complete."""

    section: SectionDocument
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Made:
    """A document that is made.

    Attributes:
        document: Which one.
        number: Its place in the dossier, from 1.
        writings: What people have to write, or wrote.
        chapters: Facts, by section.
        gates: The sections that it serves.
    """

    document: Document
    number: int
    writings: tuple[Writing, ...]
    chapters: tuple[Chapter, ...]
    gates: tuple[SectionDocument, ...]

    @property
    def file(self) -> str:
        """Its file of Markdown."""
        return f"{self.number:02d}_{self.document.key}.md"

    @property
    def to_write(self) -> tuple[Writing, ...]:
        """What is not written yet."""
        return tuple(each for each in self.writings if each.text is None)

    @property
    def remarks(self) -> tuple[tuple[str, str], ...]:
        """What its gates lack, with the kind of each, the worst first."""
        kinds = (("Missing", "missing"), ("Against it", "against"), ("Not known", "unknown"))
        return tuple((kind, text) for kind, name in kinds for gate in self.gates for text in getattr(gate, name))

    @property
    def state(self) -> State:
        """The worst of its gates; incomplete where something is to be written."""
        return worst(gate.state for gate in self.gates) if not self.to_write else "incomplete"


@dataclass(frozen=True)
class Dossier:
    """The documents of one version.

    Attributes:
        card: Whose facts they show.
        documents: In the order of the gates.
    """

    card: CardDocument
    documents: tuple[Made, ...]

    @property
    def to_write(self) -> tuple[tuple[Made, Writing], ...]:
        """What people still have to write, with the document that it belongs to."""
        return tuple((each, writing) for each in self.documents for writing in each.to_write)

    @property
    def state(self) -> State:
        """The worst of its documents."""
        return worst(each.state for each in self.documents)


def make_dossier(card: CardDocument, texts: Mapping[str, str]) -> Dossier:
    """The documents of a version.

    Args:
        card: Everything on record of it.
        texts: What people wrote, by the keys of `catalogue.Asked`.
    """
    return Dossier(card, tuple(_made(each, number, card, texts) for number, each in enumerate(DOCUMENTS, start=1)))


def _made(document: Document, number: int, card: CardDocument, texts: Mapping[str, str]) -> Made:
    chapters = []
    for part in document.parts:
        section = card.sections[part.section]
        facts = tuple(_fact(fact) for key, fact in section.facts.items() if part.holds(key))
        if facts:
            chapters.append(Chapter(section, facts))
    return Made(
        document=document,
        number=number,
        writings=tuple(Writing(each, texts.get(each.key)) for each in document.asked),
        chapters=tuple(chapters),
        gates=tuple(card.sections[key] for key in SECTIONS if key in document.gates),
    )


def _fact(fact: Any) -> Fact:
    """A fact of card.json as the templates show it."""
    if isinstance(fact, TextFact):
        return Text(fact.text)
    if isinstance(fact, ValuesFact):
        return Values(fact.title, {name.replace("_", " "): _with_time(value) for name, value in fact.values.items()})
    rows = [{name.replace("_", " "): _with_time(value) for name, value in row.items()} for row in fact.rows]
    return Table(fact.title, rows)


def _with_time(value: Any) -> Any:
    """A time again, where the text is one."""
    if not isinstance(value, str) or "T" not in value[10:11]:
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return value
