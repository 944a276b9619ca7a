"""Objects are reached wherever a model file may hold them."""

from collections import deque
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlreg_dagster.models.artifacts import object_graph
from mlreg_dagster.models.artifacts.object_graph import objects_in


class Slotted:
    __slots__ = ("__hidden", "unset")

    def __init__(self, held: Any) -> None:
        self.__hidden = held


HOLDERS: dict[str, Callable[[Any], Any]] = {
    "attribute": lambda held: SimpleNamespace(held=held),
    "slot": Slotted,
    "tuple in a list": lambda held: [(held,)],
    "value": lambda held: {"a": held},
    "key": lambda held: {held: 1},
    "set": lambda held: frozenset({held}),
    "deque": lambda held: deque([held]),
    "array": lambda held: np.array([[held]], dtype=object),
    "partial": lambda held: partial(print, held),
    "method": lambda held: held.method,
}


class Held:
    def method(self) -> None: ...


@pytest.mark.parametrize("holder", HOLDERS)
def test_an_object_is_reached_wherever_it_is_held(holder):
    held = Held()
    assert held in list(objects_in(HOLDERS[holder](held)))


def test_a_circle_is_walked_once_and_too_many_objects_are_refused(monkeypatch):
    circle: list[Any] = []
    circle.append(circle)
    assert len(list(objects_in(circle))) == 1
    monkeypatch.setattr(object_graph, "MOST_OBJECTS", 10)
    with pytest.raises(ValueError, match="more than 10 objects"):
        list(objects_in([[] for _ in range(10)]))
