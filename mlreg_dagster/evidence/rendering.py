"""A card as HTML, Markdown and JSON: the same facts in each, pictures in the HTML alone.

The HTML is one file that needs neither network nor JavaScript. How values read and are escaped stands in `templating`.
"""

import json
from typing import Any

from mlreg_dagster.evidence.card.elements import Card, Fact, Picture, Table, Text, Values, when
from mlreg_dagster.evidence.templating import render


def to_json(card: Card) -> str:
    """For programs."""
    content = {
        "version": card.version,
        "made_at": when(card.made_at),
        "headline": card.headline,
        "complete": card.state == "complete",
        "state": card.state,
        "answers": dict(card.answers),
        "sections": [
            {
                "number": section.number,
                "gate": section.gate,
                "title": section.title,
                "complete": section.state == "complete",
                "state": section.state,
                "missing": list(section.missing),
                "against": list(section.against),
                "unknown": list(section.unknown),
                "facts": [_plain(fact) for fact in section.facts if not isinstance(fact, Picture)],
            }
            for section in card.sections
        ],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_markdown(card: Card) -> str:
    """For a repository or a ticket."""
    return render("card.md.jinja", card=card)


def to_html(card: Card) -> str:
    """For people, one file with everything in it."""
    return render("card.html.jinja", card=card)


def _plain(fact: Fact) -> dict[str, Any]:
    if isinstance(fact, Text):
        return {"text": fact.text}
    if isinstance(fact, Values):
        return {"title": fact.title, "values": dict(fact.values)}
    assert isinstance(fact, Table)  # noqa: S101 - pictures are left out
    return {"title": fact.title, "rows": [dict(row) for row in fact.rows]}
