"""How many cases, and what each of them must come to.

MLREG_FUZZ=nightly: ten thousand cases in all; else a few hundred.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings

from mlreg_dagster.core.errors import MlregError

NIGHTLY = os.environ.get("MLREG_FUZZ") == "nightly"
PATIENCE_S = 300.0
LONGEST_MESSAGE = 20_000

_Made = TypeVar("_Made")
counted: dict[str, list[int]] = {}
"""What was fuzzed to how many cases were accepted and refused."""


class Hung(BaseException):
    """A case that came to no end; no `except Exception` may catch it."""


def cases(ci: int, nightly: int) -> settings:
    """So many cases of one test; a failing one is made small."""
    return settings(
        max_examples=nightly if NIGHTLY else ci,
        derandomize=not NIGHTLY,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        database=None,
        print_blob=True,
    )


@contextmanager
def patience(seconds: float = PATIENCE_S) -> Iterator[None]:
    """Interrupt what takes longer."""

    def interrupt(*_: object) -> None:
        raise Hung(f"It came to no end within {seconds:g} s.")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def accepted(what: str, attempt: Callable[[], _Made]) -> _Made | None:
    """What an attempt gives; None where it was refused in words. Any other error is what is looked for."""
    tally = counted.setdefault(what, [0, 0])
    refusal = None
    try:
        with patience():
            made = attempt()
    except MlregError as error:
        refusal = error
    tally[refusal is not None] += 1
    if refusal is None:
        return made
    assert str(refusal).strip(), f"{type(refusal).__name__} says nothing"
    assert len(str(refusal)) < LONGEST_MESSAGE, f"{type(refusal).__name__} says too much"
    return None


def told() -> Any:
    """The tallies, for the summary of pytest."""
    return {what: f"{sum(tally)} cases, {tally[1]} refused" for what, tally in counted.items()}
