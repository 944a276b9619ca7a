"""What the server knows of the registry, and since when; a value that is replaced, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mlreg_dagster.registry.records.suspensions import Suspension


@dataclass(frozen=True)
class NotTaken:
    """A version that an alias means, and that can't be served; the last good one is served on.

    Attributes:
        version: Which one.
        sequence: Of the alias event.
        since: When it was first tried.
        why: What is wrong with it.
    """

    version: str
    sequence: int
    since: datetime
    why: str


@dataclass(frozen=True)
class Knowledge:
    """What is known of the registry.

    Attributes:
        ready: Whether the alias that is served by default has a model.
        checked_at: When the registry last answered, and was whole; None: never.
        problem: What is wrong with the registry now; None: nothing.
        problem_since: Since when.
        not_taken: By alias: the version that it means, where that can't be loaded.
        suspended: By alias: the suspension that holds.
    """

    ready: bool
    checked_at: datetime | None = None
    problem: str | None = None
    problem_since: datetime | None = None
    not_taken: Mapping[str, NotTaken] = field(default_factory=dict)
    suspended: Mapping[str, Suspension] = field(default_factory=dict)
