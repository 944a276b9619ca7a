"""Cuts long lists into pages of a list: `?page=2`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from mlreg_dagster.pages.page import Unclear

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class ListPage:
    """Which page of a list is shown.

    Attributes:
        number: Which one, from 1 on.
        count: How many there are; at least one.
        items: How many entries the whole list has.
    """

    number: int
    count: int
    items: int


def list_page(items: Sequence[_Item], asked: str | None, size: int) -> tuple[list[_Item], ListPage]:
    """The entries of a page, and which page it is.

    Args:
        items: The whole list.
        asked: Which page, as the address names it; None: the first.
        size: How many entries a page has.

    Raises:
        Unclear: There is no such page.
    """
    count = max(-(-len(items) // size), 1)
    text = asked or "1"
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= count:
        raise Unclear(f"There is no page {text!r} of the list: write page=1 to page={count}.")
    number = int(text)
    return list(items[(number - 1) * size : number * size]), ListPage(number, count, len(items))
