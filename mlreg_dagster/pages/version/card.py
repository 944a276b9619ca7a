"""The card of a version for its page: computed in the background, shown a section at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mlreg_dagster.evidence.card.contents.times import as_time
from mlreg_dagster.evidence.card.elements import SECTIONS, Fact, Table, Text, Values
from mlreg_dagster.evidence.schemas.card import CardDocument
from mlreg_dagster.pages.background import BACKGROUND, Result
from mlreg_dagster.pages.page import NotThere
from mlreg_dagster.pages.source import Source, known_state
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import ModelVersion

NEEDS_A_BUNDLE = (
    "Loading the model, the way back and training again take long, and are not tried for pages; the results of checks "
    "and what runs by itself are known to Dagster."
)
_WAIT_S = 0.1
_FOLD_AFTER = 25


@dataclass(frozen=True)
class SectionLine:
    """A section, in short.

    Attributes:
        key: Its name in addresses.
        number: 1 to 10.
        title: For people.
        state: Its state; None while it is not known.
        remarks: Every sentence that keeps it from being complete.
    """

    key: str
    number: int
    title: str
    state: str | None
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class CardFacts:
    """The card, as far as it is there.

    Attributes:
        state: Whether it is `ready`, `computing`, waits for others (`busy`), or `failed`.
        problem: Why it failed.
        made_at: When it was made; outcomes and aliases are as of then, or as of the time that is asked about.
        verdict: The state of the card; None while it is not known.
        headline: Its first sentences.
        answers: A reviewer's first questions, and their answers.
        sections: All ten, in short.
        section: The one that is asked for, as in card.json; None: none is.
    """

    state: str
    problem: str | None
    made_at: str | None
    verdict: str | None
    headline: str | None
    answers: Mapping[str, Mapping[str, str]]
    sections: tuple[SectionLine, ...]
    section: Mapping[str, Any] | None

    @property
    def facts(self) -> Sequence[Fact]:
        """The facts of the section that is asked for, as templates show them."""
        return [_element(each) for each in self.section["facts"].values()] if self.section else []


def card_of(version: ModelVersion, view: View) -> CardFacts:
    """The card of a version.

    Args:
        version: Which one.
        view: What is asked about; its query names a `section`.

    Raises:
        NotThere: There is no such section.
    """
    asked = view.query.get("section") or None
    if asked is not None and asked not in SECTIONS:
        raise NotThere(f"A card has no section {asked[:40]!r}. Its sections: {', '.join(SECTIONS)}.")
    found = BACKGROUND.result(
        ("card", version.version, version.artifact_sha256, *known_state(view)),
        make_document,
        version,
        Source.of(view),
        wait_s=_WAIT_S,
    )
    return _nothing(found) if found.value is None else _shown(found.value, asked)


def make_document(version: ModelVersion, source: Source) -> CardDocument:
    """As `making.make_document`, whose libraries are loaded where cards are made alone."""
    from mlreg_dagster.pages.version import making

    return making.make_document(version, source)


def _shown(card: CardDocument, asked: str | None) -> CardFacts:
    lines = [
        SectionLine(key, each.number, each.title, each.state, (*each.missing, *each.against, *each.unknown))
        for key, each in card.sections.items()
    ]
    section = msgspec.to_builtins(card.sections[asked]) if asked else None
    answers = msgspec.to_builtins(card.answers)
    return CardFacts("ready", None, card.made_at, card.state, card.headline, answers, tuple(lines), section)


def _nothing(found: Result[CardDocument]) -> CardFacts:
    lines = [SectionLine(key, number, title, None, ()) for number, (key, title) in enumerate(SECTIONS.items(), start=1)]
    return CardFacts(found.state, found.problem, None, None, None, {}, tuple(lines), None)


def _element(fact: Mapping[str, Any]) -> Fact:
    """A fact of card.json as an element, with its times as times."""
    if fact["kind"] == "text":
        return Text(fact["text"])
    if fact["kind"] == "values":
        return Values(fact["title"], _timed(fact["values"]), folded=len(fact["values"]) > _FOLD_AFTER)
    rows = [_timed(row) for row in fact["rows"]]
    return Table(fact["title"], rows, folded=len(rows) > _FOLD_AFTER)


def _timed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: as_time(value) for name, value in values.items()}
