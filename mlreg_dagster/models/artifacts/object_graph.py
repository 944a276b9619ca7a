"""Walks the objects that a loaded model consists of, whatever classes of a plug-in hold them."""

from collections import deque
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from types import BuiltinMethodType, MethodType
from typing import Any

import numpy as np

MOST_OBJECTS = 1 << 22
"""How many objects of a model are walked; a forest of a thousand trees has some 20,000."""
_PLAIN = (str, bytes, bytearray, int, float, complex, bool, type(None), type, np.generic, np.dtype)


def objects_in(root: object) -> Iterator[Any]:
    """Every object that is reached from one: through attributes, slots, collections, arrays and bound methods.

    Args:
        root: Where the walk begins; it is given, too. Numbers, texts and classes are not.

    Raises:
        ValueError: There are more than `MOST_OBJECTS`.
    """
    waiting: list[Any] = [root]
    seen: dict[int, Any] = {}
    while waiting:
        each = waiting.pop()
        if isinstance(each, _PLAIN) or id(each) in seen:
            continue
        seen[id(each)] = each  # kept alive, so that no other object gets its number
        if len(seen) > MOST_OBJECTS:
            raise ValueError(f"it consists of more than {MOST_OBJECTS:,} objects")
        yield each
        waiting.extend(_held_by(each))


def _held_by(each: Any) -> Iterator[Any]:
    yield from getattr(each, "__dict__", {}).values()
    for cls in type(each).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            member = vars(cls).get(_mangled(cls, name))
            try:
                yield member.__get__(each, cls)  # type: ignore[union-attr]
            except AttributeError:  # a slot without a value
                continue
    if isinstance(each, Mapping):
        yield from each.keys()
        yield from each.values()
    elif isinstance(each, (list, tuple, deque, AbstractSet)):
        yield from each
    elif isinstance(each, np.ndarray):
        yield from each.ravel() if each.dtype.hasobject else ()
    elif isinstance(each, partial):
        yield from (each.func, each.args, each.keywords)
    elif isinstance(each, (MethodType, BuiltinMethodType)):
        yield each.__self__


def _mangled(cls: type, name: str) -> str:
    private = name.startswith("__") and not name.endswith("__")
    return f"_{cls.__name__.lstrip('_')}{name}" if private else name
