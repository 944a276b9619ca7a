"""Which hours a fold trains on, and which it is judged by.

Purged walk-forward (López de Prado, "Advances in Financial Machine Learning", 2018, section 7.4): the label of a judged
hour reads prices up to the horizon after it, so judged days end a horizon before what must not be read; and training
ends a gap, no shorter than the horizon, before what is judged. What judged hours look back on was known by then, and
anomalies are planted into judged hours alone, so that a look-back needs no gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.datasets.windows import Window

_DAY = 24


@dataclass(frozen=True)
class Split:
    """Hours to train on, and later ones that are judged."""

    train: Window
    judged: Window

    def as_texts(self) -> tuple[str, ...]:
        """First hour and end of both, in ISO 8601."""
        return tuple(each.isoformat() for window in (self.train, self.judged) for each in (window.first, window.end))

    @classmethod
    def of_texts(cls, texts: Sequence[str]) -> "Split":
        """Back from `as_texts`."""
        first, end, judged, judged_end = map(as_hour, texts)
        return cls(Window(first, end), Window(judged, judged_end))


def last_days(end: pd.Timestamp, count: int) -> list[Window]:
    """So many days before an hour, the newest first."""
    return [hours_before(end - number * _DAY * HOUR, _DAY) for number in range(count)]


def hours_before(end: pd.Timestamp, hours: int) -> Window:
    """So many hours before one."""
    return Window(end - hours * HOUR, end)


def split_before(judged: Window, earliest: pd.Timestamp, gap_hours: int, train_hours: int | None = None) -> Split:
    """What is known before the judged hours.

    Args:
        judged: Those.
        earliest: The first hour that can be trained on.
        gap_hours: Between training and judging; at least the horizon of a label.
        train_hours: The most that is trained on; None: all from the earliest hour on.
    """
    end = judged.first - gap_hours * HOUR
    first = earliest if train_hours is None else max(end - train_hours * HOUR, earliest)
    return Split(Window(min(first, end), end), judged)


def days_of(window: Window) -> list[Window]:
    """A window in parts of a day from its first hour on."""
    starts: list[Any] = list(pd.date_range(window.first, window.end - HOUR, freq=f"{_DAY}h"))
    return [Window(start, min(start + _DAY * HOUR, window.end)) for start in starts]
