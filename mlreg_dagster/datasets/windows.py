"""The hours that a dataset is made of.

The dataset of day D ends with D: training, then the embargo, then the holdout. They never overlap.
"""

from dataclasses import dataclass

import pandas as pd

from mlreg_dagster.config import DatasetSettings
from mlreg_dagster.core.hours import HOUR, hour_range


@dataclass(frozen=True)
class Window:
    """Hours from `first` up to, but without, `end`."""

    first: pd.Timestamp
    end: pd.Timestamp

    @property
    def hours(self) -> pd.DatetimeIndex:
        """The hours themselves."""
        return hour_range(self.first, self.end - HOUR)

    def __str__(self) -> str:
        return f"{self.first:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class DatasetWindows:
    """The two windows of one dataset, training before holdout."""

    training: Window
    holdout: Window


def windows_of(day: pd.Timestamp, settings: DatasetSettings) -> DatasetWindows:
    """The windows of the dataset of `day` (its midnight, UTC)."""
    end = day + pd.Timedelta(days=1)
    holdout = Window(end - settings.holdout_hours * HOUR, end)
    first = end - settings.history_hours * HOUR
    return DatasetWindows(Window(first, first + settings.training_hours * HOUR), holdout)


def labelled_window(day: pd.Timestamp, settings: DatasetSettings, horizon_hours: int) -> Window | None:
    """The hours of the labelled rows, which end an embargo before the holdout; None where none are asked for.

    Args:
        day: The dataset's, at midnight, UTC.
        settings: How many days, and the embargo, which is never shorter than the horizon.
        horizon_hours: From a row to its outcome.
    """
    if settings.label_days is None:
        return None
    end = windows_of(day, settings).holdout.first - settings.label_embargo_hours(horizon_hours) * HOUR
    return Window(end - settings.label_days * 24 * HOUR, end)
