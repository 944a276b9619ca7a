"""Which hours a study judges by: days before the holdout, each by what was known an embargo before it.

Purged walk-forward (López de Prado, "Advances in Financial Machine Learning", 2018, section 7.4): the label of a judged
hour reads prices up to the horizon after it, so such hours end a horizon before the holdout; those of trials end a
horizon before the days that the best is measured on; and training ends an embargo, no shorter than the horizon, before
what is judged.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlreg_dagster.config import TuningSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.models.tuning.record import Fold

_DAY = 24


class TooShort(MlregError):
    """The market before the holdout is too short for a single fold; the message says how much is needed."""


@dataclass(frozen=True)
class Split:
    """Hours to train on, and those that are judged."""

    train: Window
    judged: Window

    def as_fold(self) -> Fold:
        """As a record has it."""
        return Fold(*(each.isoformat() for window in (self.train, self.judged) for each in (window.first, window.end)))

    @classmethod
    def of_fold(cls, fold: Fold) -> "Split":
        """Back from a record."""
        first, end, judged, judged_end = (as_hour(each) for each in vars(fold).values())
        return cls(Window(first, end), Window(judged, judged_end))


@dataclass(frozen=True)
class Plan:
    """The folds of a study: the newest first, and the days that the best is held against the default on."""

    folds: tuple[Split, ...]
    measured: Split

    @property
    def whole(self) -> Window:
        """All hours whose rows are read."""
        every = (*self.folds, self.measured)
        return Window(min(each.train.first for each in every), self.measured.judged.end)


def plan_folds(
    earliest: pd.Timestamp, end: pd.Timestamp, settings: TuningSettings, *, train_days: int, horizon_hours: int
) -> Plan:
    """Lay folds and measured days before the holdout.

    Args:
        earliest: The first hour that has rows.
        end: The end of the training window, from which on the holdout may read.
        settings: How many, and the embargo.
        train_days: The most that a fold trains on.
        horizon_hours: From a row to its label.

    Raises:
        TooShort: Not one fold, or not the measured days, has `min_train_days` before it.
    """
    gap = max(settings.embargo_hours, horizon_hours)
    measured = _before(end - horizon_hours * HOUR, settings.measured_days * _DAY)
    until = measured.first - horizon_hours * HOUR
    blocks = [_before(until - number * _DAY * HOUR, _DAY) for number in range(settings.folds)]
    splits = [_split(block, earliest, gap, train_days) for block in (*blocks, measured)]
    long_enough = [(each.train.end - each.train.first) / HOUR >= settings.min_train_days * _DAY for each in splits]
    folds = tuple(split for split, enough in zip(splits[:-1], long_enough[:-1], strict=True) if enough)
    if not folds:
        needed = settings.measured_days * _DAY + _DAY + 2 * horizon_hours + gap + settings.min_train_days * _DAY
        raise TooShort(
            f"A study needs {needed} hours of market before the holdout: {settings.min_train_days} days to train on, "
            f"an embargo of {gap} h, a day to judge by, {settings.measured_days} measured days and the horizons of "
            f"their labels. Features begin {earliest:%Y-%m-%d %H:%M}, {max(int((end - earliest) / HOUR), 0)} hours "
            f"before. Take a later day, or lower measured_days or min_train_days in tuning.yaml."
        )
    return Plan(folds, splits[-1])


def _before(end: pd.Timestamp, hours: int) -> Window:
    return Window(end - hours * HOUR, end)


def _split(judged: Window, earliest: pd.Timestamp, gap: int, train_days: int) -> Split:
    end = judged.first - gap * HOUR
    return Split(Window(min(max(end - train_days * _DAY * HOUR, earliest), end), end), judged)


def days_of(window: Window) -> list[Window]:
    """A window in parts of a day from its first hour on."""
    starts: list[Any] = list(pd.date_range(window.first, window.end - HOUR, freq=f"{_DAY}h"))
    return [Window(start, min(start + _DAY * HOUR, window.end)) for start in starts]
