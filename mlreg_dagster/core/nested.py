"""Nested mappings of settings: their values under dotted names, and what differs between two of them."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Differing(NamedTuple):
    """A value that differs."""

    key: str
    left: Any
    right: Any


def differing(left: Mapping[str, Any], right: Mapping[str, Any], absent: Any = None) -> list[Differing]:
    """The values that differ, by key, under dotted names.

    Args:
        left: Nested values.
        right: The same of another time or place.
        absent: Stands for a value that one of them lacks.

    Examples:
        >>> differing({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}})
        [Differing(key='a.b', left=1, right=3)]
    """
    before, after = dict(flat(left)), dict(flat(right))
    return [
        Differing(key, before.get(key, absent), after.get(key, absent))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def differences(left: Mapping[str, Any], right: Mapping[str, Any], absent: str) -> list[str]:
    """What differs, as `key: left → right`, by key.

    Args:
        left: Nested values.
        right: The same of another time or place.
        absent: The word for a value that one of them lacks.

    Examples:
        >>> differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}}, "unset")
        ['a.b: 1 → 3']
    """
    return [f"{each.key}: {each.left} → {each.right}" for each in differing(left, right, absent)]


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings, under dotted names; an empty mapping is a value."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
