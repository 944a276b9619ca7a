"""Something that `mlreg prune` clears away."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class RetentionTask:
    """Something to delete.

    Attributes:
        name: What it is.
        found: How much of it there is, in words.
        do: Deletes it.
    """

    name: str
    found: str
    do: Callable[[], object]
