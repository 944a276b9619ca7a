"""Numbers, intervals and verdicts as the tables of the terminal write them."""

import math
from collections.abc import Callable
from typing import Any

_COLOURS = {"better": "green", "worse": "red"}

Shown = Callable[[Any], str]


def is_missing(value: float | None) -> bool:
    """Whether there is no such number."""
    return value is None or math.isnan(value)


def as_number(value: Any) -> str:
    """A number in a few digits."""
    return "-" if is_missing(value) else f"{value:.3g}"


def as_percent(value: Any) -> str:
    """A share."""
    return "-" if is_missing(value) else f"{value:.1%}"


def as_change(value: Any) -> str:
    """A difference, with its sign."""
    return "-" if is_missing(value) else f"{value:+.4f}"


def as_interval(low: Any, high: Any, shown: Shown = as_number) -> str:
    """Both ends; that they can't be told, where one is missing."""
    return "can't be told" if is_missing(low) or is_missing(high) else f"{shown(low)} to {shown(high)}"


def with_interval(value: Any, low: Any, high: Any, shown: Shown = as_number) -> str:
    """A number, and its interval where there is one."""
    ends = "" if is_missing(value) or is_missing(low) or is_missing(high) else f" ({as_interval(low, high, shown)})"
    return f"{shown(value)}{ends}"


def in_colour(verdict: str | None) -> str:
    """A verdict: green for better, red for worse; nothing where there is none."""
    colour = _COLOURS.get(verdict or "")
    return f"[{colour}]{verdict}[/]" if colour else verdict or ""
