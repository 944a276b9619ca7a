"""Makes text from outside fit to be printed, drawn, logged or sent, so that nothing in it acts there."""

import re
import unicodedata

HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
"""Controls, bidirectional and zero-width marks, halves of characters, separators: they act, or are not seen."""
_UNSHOWN = "\N{REPLACEMENT CHARACTER}"
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four are wide forms, which some locales take likewise

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~])")
_LIST_OR_RULE = re.compile(r"^(\d*)([-+=.)])")


def visible(text: object, longest: int | None = None) -> str:
    """The text without what acts on a terminal or hides in a line; line ends and tabs stay.

    Args:
        text: From outside.
        longest: At most so many characters; a longer text ends in "…".
    """
    text = str(text)
    if longest is not None and len(text) > longest:
        text = text[: max(longest - 1, 0)] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(_UNSHOWN if unicodedata.category(each) in HIDDEN and each not in "\n\t" else each for each in text)


def one_line(text: object, longest: int | None = None) -> str:
    """The same in one line: each stretch of line ends, tabs and blanks is one blank."""
    shortened = str(text) if longest is None else str(text)[: 10 * longest]
    return visible(" ".join(shortened.split()), longest)


class MarkdownText(str):
    """Text in which Markdown finds no markup of others any more."""

    __slots__ = ()


def markdown_text(text: object) -> MarkdownText:
    """For Markdown, within a line: neither Markdown nor the HTML in it takes a word of it for markup."""
    return MarkdownText(_MARKDOWN.sub(r"\\\1", one_line(text)).replace("&", "&amp;"))


def markdown_paragraph(text: object) -> MarkdownText:
    """For Markdown, at the beginning of a line, where a list, a heading or a rule could begin."""
    return MarkdownText(_LIST_OR_RULE.sub(r"\1\\\2", markdown_text(text)))


def csv_cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: such a text gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def chat_quote(text: object, longest: int = 2000) -> str:
    """A quotation for chat systems, in which neither mentions nor links nor markup are found."""
    shown = visible(text, longest).translate(str.maketrans("<>`&", "()'+"))
    return f"```\n{shown.strip()}\n```"
