"""A card as HTML, Markdown and JSON: the same facts in each, pictures in the HTML alone.

The HTML is one file that needs neither network nor JavaScript. How values read and are escaped stands in `templating`,
which keys the JSON has in `schemas.card`.
"""

from mlreg_dagster.core.json_values import plain, snake_case, with_stable_keys
from mlreg_dagster.evidence.card.elements import Card, Fact, Picture, Section, Text, Values
from mlreg_dagster.evidence.card.requirements import Checked
from mlreg_dagster.evidence.schemas.card import (
    Answer,
    CardDocument,
    RequirementDocument,
    SectionDocument,
    TableFact,
    TextFact,
    ValuesFact,
)
from mlreg_dagster.evidence.schemas.schema import written
from mlreg_dagster.evidence.templating import render


def to_json(card: Card) -> str:
    """For programs."""
    return written(document_of(card))


def document_of(card: Card) -> CardDocument:
    """For programs, before it is written."""
    return CardDocument(
        version=card.version,
        made_at=plain(card.made_at),
        headline=card.headline,
        complete=card.state == "complete",
        state=card.state,
        answers={
            snake_case(question): Answer(question=question, answer=answer) for question, answer in card.answers.items()
        },
        sections={section.key: _section(section) for section in card.sections},
    )


def to_markdown(card: Card) -> str:
    """For a repository or a ticket."""
    return render("card.md.jinja", card=card)


def to_html(card: Card) -> str:
    """For people, one file with everything in it."""
    return render("card.html.jinja", card=card)


def _section(section: Section) -> SectionDocument:
    return SectionDocument(
        number=section.number,
        gate=section.gate,
        title=section.title,
        complete=section.state == "complete",
        state=section.state,
        missing=list(section.missing),
        against=list(section.against),
        unknown=list(section.unknown),
        requirements={each.requirement.key: _requirement(each) for each in section.required},
        facts={key: _document(fact) for key, fact in section.by_key.items()},
    )


def _requirement(checked: Checked) -> RequirementDocument:
    return RequirementDocument(
        text=checked.requirement.text,
        sources=list(checked.requirement.sources),
        required=checked.required,
        state=checked.finding.state,
        finding=checked.finding.text,
    )


def _document(fact: Fact) -> TextFact | ValuesFact | TableFact:
    if isinstance(fact, Text):
        return TextFact(text=fact.text)
    if isinstance(fact, Values):
        return ValuesFact(title=fact.title, values=with_stable_keys(fact.values))
    assert not isinstance(fact, Picture)  # noqa: S101 - pictures are left out
    return TableFact(title=fact.title, rows=[with_stable_keys(row) for row in fact.rows])
