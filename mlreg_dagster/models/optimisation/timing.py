"""How long calls take: medians of repeats within a budget of time. Figures of one machine at one moment."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_MOST = 200
_FEWEST_FOR_P95 = 5

Call = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """How long a call took.

    Attributes:
        median_ms: The median of the repeats.
        p95_ms: Their 95th percentile; None of fewer than five.
        repeats: How many, after one that does not count where the budget allows more than one.
    """

    median_ms: float
    p95_ms: float | None
    repeats: int


def timed(call: Call, seconds: float) -> Timing:
    """Time a call again and again until a budget is used up.

    Args:
        call: What is timed.
        seconds: The budget. One call is made in any case.
    """
    return side_by_side([call], seconds)[0]


def side_by_side(calls: list[Call], seconds: float) -> list[Timing]:
    """Time several calls in turn, so that what else the machine does meets all of them.

    Args:
        calls: What is timed.
        seconds: The budget of each. One round is made in any case; the first does not count where there are more.
    """
    rounds: list[list[float]] = []
    begun = time.perf_counter()
    while len(rounds) <= _MOST and (not rounds or time.perf_counter() - begun < seconds * len(calls)):
        rounds.append([_milliseconds(call) for call in calls])
    counted = np.array(rounds[1:] or rounds)
    return [_timing(column.tolist()) for column in counted.T]


def _timing(taken: list[float]) -> Timing:
    p95 = float(np.quantile(taken, 0.95)) if len(taken) >= _FEWEST_FOR_P95 else None
    return Timing(float(np.median(taken)), p95, len(taken))


def _milliseconds(call: Call) -> float:
    begun = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - begun)
