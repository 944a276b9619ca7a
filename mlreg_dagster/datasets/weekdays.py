"""Which weekdays a dataset knows: a detector takes a value of `day_of_week` that it never saw for an anomaly."""

import calendar

import pandas as pd


def weekdays_of(rows: pd.DataFrame) -> list[str]:
    """The weekdays (UTC) of the rows, from Monday on."""
    return [calendar.day_name[day] for day in sorted(set(rows["hour"].dt.day_of_week))]


def new_weekdays(training: pd.DataFrame, holdout: pd.DataFrame) -> list[str]:
    """The weekdays of the holdout of which training has no row."""
    known = weekdays_of(training)
    return [day for day in weekdays_of(holdout) if day not in known]
