"""Sound requests made wrong, by their structure and by their bytes; the same seed gives the same ones."""

import copy
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np

from mlreg_dagster_tests.fuzz.mutation import ODD, paths_of, to_json
from mlreg_dagster_tests.serving.protocols.bodies import by_triton, inference, records, split, tensor, tensors

CASES = 20_000 if os.environ.get("MLREG_LONG") else 4_000

_ODD = [*ODD, -(2**31), 2**32, 2**40, 2**53 + 1, 2**64, 10**4000, "FP32", "BYTES", "BOOL", "INT8", "features", "hour"]
_TOKENS = [
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"null",
    b"\xff",
    b"\x00",
    b'"',
    b"\\",
    b"\\ud800",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
]


@dataclass(frozen=True)
class Sent:
    """A request.

    Attributes:
        path: `infer` or `invocations`.
        body: Its bytes.
        json_length: The header that says how many of them are JSON.
    """

    path: str
    body: bytes
    json_length: str | None = None


def sound(features: tuple[str, ...], instrument: str) -> list[Sent]:
    """Sound requests of each kind.

    Args:
        features: Those of the model.
        instrument: One that may be asked for by its name.
    """
    X = np.linspace(-1, 1, 3 * len(features)).reshape(3, len(features))
    X[1, 1] = np.nan
    names = np.array([instrument, "b", "c"], object)
    columns = {name: np.ascontiguousarray(X[:, number]) for number, name in enumerate(features)}
    texts = {"instrument_id": names, "hour": np.array(["2017-12-20T00:00Z"] * 3, object)}
    by_name = [tensor(name, values, "BYTES") for name, values in texts.items()]
    named = np.hstack([X.astype(object), np.array([names]).T])
    timed = np.hstack([X.astype(object), np.array([texts["hour"]]).T])
    infer = [
        (inference(tensors(X, features), id="a", outputs=[{"name": "score"}, {"name": "distance"}]), None),
        (inference([*by_name, *tensors(X, features)], parameters={"reasons": False}), None),
        (inference([tensor("features", X, names=list(features))], parameters={"binary_data_output": True}), None),
        (inference([tensor("instrument_id", [instrument], "BYTES")]), None),
        by_triton(columns),
        by_triton(columns | texts),
        by_triton({"features": X.astype(np.float32)}),
        by_triton({"instrument_id": names[:1]}),
    ]
    frames = [
        split(X, features),
        split(named, [*features, "instrument_id"]),
        records(X, features),
        records(timed, [*features, "hour"]),
    ]
    return [Sent("infer", body, length) for body, length in infer] + [Sent("invocations", body) for body in frames]


def mutated(requests: list[Sent], cases: int, seed: int = 16) -> Iterator[Sent]:
    """So many requests, each with something wrong, as a rule."""
    random = Random(seed)
    for _ in range(cases):
        yield random.choice([_by_structure, _by_structure, _by_bytes, _by_header])(random, random.choice(requests))


def _by_structure(random: Random, sent: Sent) -> Sent:
    """One to three places of the JSON replaced, removed, doubled or renamed; what is behind it stays."""
    length = len(sent.body) if sent.json_length is None else int(sent.json_length)
    value = json.loads(sent.body[:length])
    for _ in range(random.randint(1, 3)):
        _change(random, value)
    head = to_json(value)
    return replace(sent, body=head + sent.body[length:], json_length=sent.json_length and str(len(head)))


def _change(random: Random, value: Any) -> None:
    *way, last = random.choice([path for path in paths_of(value) if path] or [("x",)])
    parent = value
    for key in way:
        parent = parent[key]
    how = random.choice(["replace", "replace", "replace", "remove", "double", "rename"])
    if how == "replace" or last not in (parent if isinstance(parent, dict) else range(len(parent))):
        parent[last] = copy.deepcopy(random.choice(_ODD))
    elif how == "remove":
        del parent[last]
    elif how == "double" and isinstance(parent, list):
        parent.insert(last, copy.deepcopy(parent[last]))
    elif how == "rename" and isinstance(parent, dict):
        parent[random.choice(["", "data", "name", "rank", "é", "\x00"])] = parent.pop(last)


def _by_bytes(random: Random, sent: Sent) -> Sent:
    """The bytes flipped, cut, doubled, replaced."""
    body = sent.body
    start = random.randrange(len(body))
    end = min(len(body), start + random.randint(1, 200))
    changes: list[Callable[[], bytes]] = [
        lambda: body[:start],
        lambda: body[:start] + body[end:],
        lambda: body[:start] + body,
        lambda: body[:start] + random.choice(_TOKENS) + body[start:],
        lambda: body[:start] + random.choice(_TOKENS) + body[end:],
        lambda: body[:start] + bytes([body[start] ^ 1 << random.randrange(8)]) + body[start + 1 :],
        lambda: body[:start] + random.randbytes(end - start) + body[end:],
        lambda: body[:start] + random.choice([b"[", b'{"a":']) * random.choice([50, 100_000]) + body[start:],
        lambda: body.decode("latin-1").encode(random.choice(["utf-16", "utf-32", "utf-8-sig"])),
    ]
    return replace(sent, body=random.choice(changes)())


def _by_header(random: Random, sent: Sent) -> Sent:
    """Another length of the JSON, or another protocol."""
    size = int(sent.json_length or len(sent.body))
    lengths = [None, "0", "1", "x", "-1", "1.0", str(size), str(size + 1), str(size - 1), str(size // 2), "9" * 30]
    path = random.choice([sent.path, "infer", "invocations"])
    return replace(sent, path=path, json_length=random.choice(lengths))
