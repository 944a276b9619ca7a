"""Well-formed things made wrong: JSON by its structure, texts and files by their bytes."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

NUMBERS = [0, -0.0, -1, 1e308, -1e308, 1e-320, 2**63, 10**30, 10**400, float("nan"), float("inf"), float("-inf")]
TEXTS = [
    "",
    " ",
    "NaN",
    "null",
    "0x10",
    "1e999",
    "\x00",
    "\ud800",
    "é",
    "💥",
    "../../etc/passwd",
    "a" * 5000,
    "'; DROP",
]
CONTAINERS: list[Any] = [None, True, False, [], {}, [[]], [None], {"": None}, {"price": {}}, [[[[[[]]]]]]]
ODD: list[Any] = [*NUMBERS, *TEXTS, *CONTAINERS]

odd_values = st.sampled_from(ODD) | st.floats() | st.text(max_size=8) | st.integers()


def paths_of(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in nested lists and dicts."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [prefix, *(path for key, item in inner for path in paths_of(item, (*prefix, key)))]


@st.composite
def mutated(draw: Any, value: Any, odd: st.SearchStrategy[Any] = odd_values) -> Any:
    """A copy with one to three places replaced, removed, doubled or renamed."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths_of(value)))
        if not path:
            if draw(st.integers(0, 9)) == 0:
                return draw(odd)
            continue
        *way, last = path
        parent = value
        for key in way:
            parent = parent[key]
        how = draw(st.sampled_from(["replace", "replace", "replace", "remove", "double", "rename"]))
        if how == "replace":
            parent[last] = copy.deepcopy(draw(odd))
        elif how == "remove":
            del parent[last]
        elif how == "double" and isinstance(parent, list):
            parent.insert(last, copy.deepcopy(parent[last]))
        elif how == "rename" and isinstance(parent, dict):
            parent[draw(st.text(max_size=6))] = parent.pop(last)
    return value


def to_json(value: Any) -> bytes:
    """JSON as lenient writers make it: NaN, lone surrogates and all."""
    return json.dumps(value, ensure_ascii=True).encode()


@st.composite
def mutated_bytes(draw: Any, content: bytes) -> bytes:
    """Cut short, flipped, doubled, shuffled, wrongly encoded, or something else altogether."""
    size = len(content)
    how = draw(st.sampled_from(["cut", "flip", "flip", "insert", "remove", "double", "encode", "noise", "deep"]))
    place = draw(st.integers(0, max(size - 1, 0)))
    if how == "cut":
        return content[:place]
    if how == "flip":
        flipped = bytearray(content)
        for _ in range(draw(st.integers(1, 8))):
            flipped[draw(st.integers(0, size - 1))] = draw(st.integers(0, 255))
        return bytes(flipped)
    if how == "insert":
        return content[:place] + draw(st.binary(min_size=1, max_size=20)) + content[place:]
    if how == "remove":
        return content[:place] + content[place + draw(st.integers(1, 200)) :]
    if how == "double":
        return content[:place] + content
    if how == "encode":
        text = content.decode("latin-1")
        return text.encode(draw(st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "utf-7"])))
    if how == "deep":
        return draw(st.sampled_from([b"[", b'{"a":', b"- ", b"{a: ", b"&a [*a, "])) * draw(
            st.sampled_from([50, 100_000])
        )
    return draw(st.binary(max_size=200))
