"""The one environment of all HTML and Markdown templates: what others wrote is made harmless when it is printed.

Templates stand in `templates/`, and in a folder of that name of the room that extends the base page. How values read
is decided here; what a page says belongs to its room.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mlreg_dagster.core.display.plotting import PICTURE
from mlreg_dagster.core.untrusted.text import MarkdownText, markdown_paragraph, markdown_text, visible
from mlreg_dagster.evidence.card.elements import State, when

BASE = "mlreg_dagster.evidence"
"""The package whose templates all pages share: the base page, its style, and macros."""

STATE_IN_WORDS: dict[State, str] = {
    "incomplete": "incomplete",
    "against": "speaks against it",
    "unknown": "not everything is known",
    "complete": "complete",
}
_COLOURS: dict[State, str] = {"incomplete": "bad", "against": "bad", "unknown": "unsure", "complete": "good"}
_ALARMING = {"passed", "intact", "intact and loads", "the same to the last bit"}
"""What should not be false."""
_LARGE = 10_000
_ONE_LINE = 20  # characters: a time fits
_LONG_WORD = re.compile(r"\S{32}")
_FOLD_AFTER = 90
_MANY_DIGITS = re.compile(r"(?<![\w.])-?\d+\.\d{5,}(?:e[-+]?\d+)?(?![\w.])")


def render(template: str, *, package: str = BASE, frame: str = BASE, **values: Any) -> str:
    """A page or a document.

    Args:
        template: Its file; the name says whether it is HTML (escaped for HTML) or Markdown (escaped for Markdown).
        package: The room that it stands in.
        frame: The package with the templates that it extends, where these are not those of all evidence.
        values: What it shows.
    """
    return _environment(package, ".html" in template, frame).get_template(template).render(values)


def shown(value: Any) -> str:
    """A JSON value or a time in words, the same in HTML and Markdown."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < _LARGE else f"{value:,.0f}"
    if isinstance(value, datetime):
        return when(value) if value == value else "-"  # NaT is not equal to itself
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {shown(each)}" for name, each in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(shown(each) for each in value) or "-"
    return str(value)


@cache
def _environment(package: str, is_html: bool, frame: str = BASE) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in dict.fromkeys((package, frame, BASE))]),
        autoescape=is_html,  # noqa: S701 - Markdown has an escape of its own, see `finalize`
        finalize=_visible if is_html else _for_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "cell_classes": _cell_classes,
        "colour": _COLOURS.__getitem__,
        "fold": _fold,
        "images": _images,
        "number_columns": _number_columns,
        "paragraph": markdown_paragraph,
        "rounded": _rounded,
        "shown": shown,
        "when": when,
        "words": STATE_IN_WORDS.__getitem__,
    }
    return environment


def _visible(value: Any) -> Any:
    """Without characters that act or hide; Jinja escapes it afterwards."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _for_markdown(value: Any) -> Any:
    return markdown_text(value) if isinstance(value, str) and not isinstance(value, MarkdownText) else value


def _cell_classes(value: Any, name: str, is_number: bool) -> str:
    """How the style sheet sets a cell: in red, right-aligned, on one line, or broken anywhere."""
    text = shown(value)
    is_alarming = (value is False and name in _ALARMING) or text.startswith(("NOT met", "FAILED"))
    if is_number:
        form = "number"
    elif _LONG_WORD.search(text):
        form = "long"
    else:
        form = "word" if len(text) <= _ONE_LINE else ""
    return f"{'no ' if is_alarming else ''}{form}".strip()


def _number_columns(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """The columns that hold numbers, or nothing in places."""
    return {
        name
        for name in rows[0]
        if any(_is_number(row[name]) for row in rows)
        and all(row[name] is None or _is_number(row[name]) for row in rows)
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fold(text: str) -> tuple[str, str]:
    """The beginning of a text, and the rest where it is long."""
    if len(text) <= _FOLD_AFTER:
        return text, ""
    beginning = text[:_FOLD_AFTER].rsplit(" ", 1)[0]
    return beginning, text[len(beginning) :]


def _images(markdown: str) -> list[tuple[str, str]]:
    """Words and data URI of each picture in what `core.display.plotting` gives."""
    return [(alt, source) for alt, source, _ in PICTURE.findall(markdown)]


def _rounded(text: str) -> str:
    return _MANY_DIGITS.sub(lambda match: f"{float(match[0]):.4g}", text)
