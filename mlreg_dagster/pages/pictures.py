"""Draws the pictures of pages: one at a time, as matplotlib asks for, and each once."""

from collections.abc import Callable, Hashable
from functools import lru_cache
from threading import Lock

_KEPT = 256
_ALONE = Lock()


def drawn(draw: Callable[..., str], *facts: Hashable) -> str:
    """A picture as Markdown (`core.display.plotting.as_markdown`), which `pictures` of the macros shows.

    Args:
        draw: Draws it; a function of a module, whose result follows from its arguments alone.
        facts: Its arguments: tuples rather than lists.
    """
    return _kept(draw, facts)


@lru_cache(_KEPT)
def _kept(draw: Callable[..., str], facts: tuple[Hashable, ...]) -> str:
    with _ALONE:
        return draw(*facts)
