"""Which hours a study judges by: days before the holdout, each by what was known an embargo before it.

The days of trials end a horizon before the days that the best is measured on, which end a horizon before the holdout.
"""

from dataclasses import dataclass

import pandas as pd

from mlreg_dagster.config import TuningSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.models.folds.splits import Split, hours_before, last_days, split_before

_DAY = 24


class TooShort(MlregError):
    """The market before the holdout is too short for a single fold; the message says how much is needed."""


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
    measured = hours_before(end - horizon_hours * HOUR, settings.measured_days * _DAY)
    until = measured.first - horizon_hours * HOUR
    blocks = (*last_days(until, settings.folds), measured)
    splits = [split_before(block, earliest, gap, train_days * _DAY) for block in blocks]
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
