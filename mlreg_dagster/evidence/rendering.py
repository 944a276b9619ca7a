"""A card as HTML, Markdown and JSON: the same facts in each, pictures in the HTML alone.

The HTML is one file that needs no network; whatever a person wrote is escaped in it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from mlreg_dagster.core.plotting import PICTURE
from mlreg_dagster.core.untrusted.text import html_text, one_line
from mlreg_dagster.evidence.card.elements import Card, Fact, Picture, Section, Table, Text, Values, when

_STYLE = """
:root { --ink: #222; --soft: #667; --line: #dde; --good: #2e7d4f; --bad: #b3261e; --unsure: #8a5a00; --shade: #f6f7fa }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1.2rem; color: var(--ink) }
h1 { margin-bottom: .2rem } h2 { margin: 2.4rem 0 .4rem; padding-top: .5rem; border-top: 2px solid var(--line) }
h3 { font-size: 14px; margin: 1.2rem 0 .3rem } .note { color: var(--soft) }
dl.answers { background: var(--shade); padding: 1rem 1.2rem; border-radius: 8px; display: grid;
  grid-template-columns: 9.5rem 1fr; gap: .5rem 1rem; margin: 1.2rem 0 } dt { font-weight: 600 } dd { margin: 0 }
table { border-collapse: collapse; font-size: 13px; margin: .2rem 0 .8rem; width: 100% }
th, td { padding: .25rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
td.long { overflow-wrap: anywhere; min-width: 11rem } td.number { white-space: nowrap }
th { border-bottom: 2px solid #aab; white-space: nowrap }
table.values td:first-child { width: 17rem; color: var(--soft) }
.state { font-size: 13px; font-weight: 600; padding: .1rem .6rem; border-radius: 1rem; color: white;
  vertical-align: middle }
.good { background: var(--good) } .bad { background: var(--bad) }
.unsure { background: var(--unsure) } td.no { color: var(--bad); font-weight: 600 }
ul.remarks .bad { color: var(--bad); background: none }
ul.remarks .unsure { color: var(--unsure); background: none }
nav ol { columns: 2; padding-left: 1.4rem } a { color: inherit }
img { max-width: 100%; display: block; margin: .6rem 0 } summary { cursor: pointer; font-weight: 600; font-size: 14px }
details { margin: .8rem 0 } details > table { margin-top: .4rem } code { background: var(--shade); padding: 0 .25rem }
@media print { body { margin: 0; max-width: none; font-size: 11px } table { font-size: 10px }
  tr, img, h3, dl { break-inside: avoid }
  h2, h3 { break-after: avoid } .state, .answers { print-color-adjust: exact; -webkit-print-color-adjust: exact } }
"""
_UNFOLD_TO_PRINT = (
    "<script>addEventListener('beforeprint',()=>document.querySelectorAll('details').forEach(d=>d.open=true))</script>"
)
_ALARMING = {"passed", "intact", "intact and loads", "the same to the last bit"}
"""What should not be false."""
_WORDS = {
    "incomplete": "incomplete",
    "against": "speaks against it",
    "unknown": "not everything is known",
    "complete": "complete",
}
_COLOURS = {"incomplete": "bad", "against": "bad", "unknown": "unsure", "complete": "good"}
_LARGE = 10_000
_LONG_WORD = re.compile(r"\S{32}")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~])")
_LIST_OR_RULE = re.compile(r"^(\d*)([-+=.)])")


def shown(value: Any) -> str:
    """A JSON value in words, the same in HTML and Markdown."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < _LARGE else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {shown(each)}" for name, each in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(shown(each) for each in value) or "-"
    return str(value)


def to_json(card: Card) -> str:
    """For programs."""
    told = {
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
    return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_markdown(card: Card) -> str:
    """For a repository or a ticket."""
    lines = [f"# Model card of {card.version}", "", _paragraph(card.headline), "", f"As of {when(card.made_at)}.", ""]
    lines += [f"- **{question}** {_escaped(answer)}" for question, answer in card.answers.items()]
    for section in card.sections:
        lines += ["", f"## {section.number}. {section.title}: {_state(section)}", ""]
        lines += [f"- **{kind}:** {_escaped(text)}" for kind, texts in _remarks(section).items() for text in texts]
        for fact in section.facts:
            lines += ["", *_markdown(fact)]
    return "\n".join(lines) + "\n"


def to_html(card: Card) -> str:
    """For people, one file with everything in it."""
    title = f"Model card of {html_text(card.version)}"
    count = len(card.missing)
    words = f"{count} of {len(card.sections)} sections incomplete" if count else _WORDS[card.state]
    state = f"<span class='state {_COLOURS[card.state]}'>{words}</span>"
    answers = "".join(
        f"<dt>{html_text(question)}</dt><dd>{html_text(answer)}</dd>" for question, answer in card.answers.items()
    )
    links = "".join(
        f"<li><a href='#{section.gate}'>{html_text(section.title)}</a> "
        f"{'' if section.state == 'complete' else _badge(section)}"
        for section in card.sections
    )
    return "\n".join(
        (
            f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>{title}</title><style>{_STYLE}</style>{_UNFOLD_TO_PRINT}",
            f"<h1>{title} {state}</h1><p>{html_text(card.headline)} <span class=note>As of {when(card.made_at)}."
            f"</span></p>",
            f"<dl class=answers>{answers}</dl><nav><ol>{links}</ol></nav>",
            *(_section(section) for section in card.sections),
        )
    )


def _plain(fact: Fact) -> dict[str, Any]:
    if isinstance(fact, Text):
        return {"text": fact.text}
    if isinstance(fact, Values):
        return {"title": fact.title, "values": dict(fact.values)}
    assert isinstance(fact, Table)  # noqa: S101 - pictures are left out
    return {"title": fact.title, "rows": [dict(row) for row in fact.rows]}


def _state(section: Section) -> str:
    words = _WORDS[section.state]
    return words.upper() if section.missing or section.against else words


def _remarks(section: Section) -> dict[str, tuple[str, ...]]:
    return {"Missing": section.missing, "Against it": section.against, "Not known": section.unknown}


def _markdown(fact: Fact) -> list[str]:
    if isinstance(fact, Picture):
        return []
    if isinstance(fact, Text):
        return [_paragraph(fact.text)]
    if isinstance(fact, Values):
        rows = [f"| {_escaped(name)} | {_escaped(shown(value))} |" for name, value in fact.values.items()]
        return [f"**{_escaped(fact.title)}**", "", "| | |", "| --- | --- |", *rows]
    if not fact.rows:
        return [f"**{_escaped(fact.title)}**: none"]
    names = list(fact.rows[0])
    return [
        f"**{_escaped(fact.title)}**",
        "",
        f"| {' | '.join(map(_escaped, names))} |",
        f"|{' --- |' * len(names)}",
        *(f"| {' | '.join(_escaped(shown(row[name])) for name in names)} |" for row in fact.rows),
    ]


def _escaped(text: str) -> str:
    """So that neither Markdown nor the HTML in it takes a word of it for markup."""
    return _MARKDOWN.sub(r"\\\1", one_line(text)).replace("&", "&amp;")


def _paragraph(text: str) -> str:
    """The same at the beginning of a line, where a list, a heading or a rule could begin."""
    return _LIST_OR_RULE.sub(r"\1\\\2", _escaped(text))


def _badge(section: Section) -> str:
    return f"<span class='state {_COLOURS[section.state]}'>{_WORDS[section.state]}</span>"


def _section(section: Section) -> str:
    remarks = "".join(
        f"<li class={'unsure' if kind == 'Not known' else 'bad'}>{html_text(f'{kind}: {text}')}"
        for kind, texts in _remarks(section).items()
        for text in texts
    )
    parts = [f"<h2 id='{section.gate}'>{section.number}. {html_text(section.title)} {_badge(section)}</h2>"]
    if remarks:
        parts.append(f"<ul class=remarks>{remarks}</ul>")
    return "\n".join((*parts, *(_html(fact) for fact in section.facts)))


def _html(fact: Fact) -> str:
    if isinstance(fact, Text):
        return f"<p>{html_text(fact.text)}</p>"
    if isinstance(fact, Picture):
        images = PICTURE.findall(fact.draw())
        return "".join(f"<img alt='{html_text(alt)}' src='{data}'>" for alt, data, _ in images)
    title = html_text(fact.title)
    body = _values(fact) if isinstance(fact, Values) else _table(fact)
    if not body:
        return f"<h3>{title}</h3><p class=note>none</p>"
    if fact.folded:
        return f"<details><summary>{title}</summary>{body}</details>"
    return f"<h3>{title}</h3>{body}"


def _values(fact: Values) -> str:
    rows = "".join(f"<tr><td>{html_text(name)}</td>{_cell(name, value)}</tr>" for name, value in fact.values.items())
    return rows and f"<table class=values>{rows}</table>"


def _table(fact: Table) -> str:
    if not fact.rows:
        return ""
    names = list(fact.rows[0])
    head = "".join(f"<th>{html_text(name)}</th>" for name in names)
    rows = "".join(f"<tr>{''.join(_cell(name, row[name]) for name in names)}</tr>" for row in fact.rows)
    return f"<table><tr>{head}</tr>{rows}</table>"


def _cell(name: str, value: Any) -> str:
    text, kinds = shown(value), []
    if (value is False and name in _ALARMING) or text.startswith(("NOT met", "FAILED")):
        kinds.append("no")
    if _LONG_WORD.search(text):
        kinds.append("long")
    elif isinstance(value, int | float):
        kinds.append("number")
    return f"<td class='{' '.join(kinds)}'>{html_text(text)}</td>"
