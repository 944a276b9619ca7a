"""What is remarkable about an hour: nobody scored it, no training takes it, or its day is of low quality."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from mlreg_dagster.core.hours import day_key
from mlreg_dagster.monitoring.names import QUALITY_TABLE
from mlreg_dagster.pages import source
from mlreg_dagster.pages.hour.reading import frame_of, records
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import Suspension
from mlreg_dagster.registry.records.suspensions import covering, suspended_times

_DAY = pd.Timedelta(days=1)
Kind = Literal["suspended", "left out", "low quality", "in-sample"]


@dataclass(frozen=True)
class Mark:
    """Something remarkable about an hour.

    Attributes:
        kind: What.
        text: In a sentence.
        severe: Of low quality, whether it is severe.
    """

    kind: Kind
    text: str
    severe: bool = False


class Marks:
    """The marks of some days.

    Args:
        view: What is asked about.
        first: The first day.
        last: The last one.
    """

    def __init__(self, view: View, first: pd.Timestamp, last: pd.Timestamp) -> None:
        changes: dict[str, list[Suspension]] = {}
        for each in source.records(view).suspensions():
            changes.setdefault(each.alias, []).append(each)
        self._stopped = {alias: suspended_times(each) for alias, each in changes.items()}
        self._left_out = _left_out(view)
        self.quality = _quality(view, first, last)

    def of(self, hour: pd.Timestamp, scored_by: Collection[str]) -> tuple[Mark, ...]:
        """The marks of an hour.

        Args:
            hour: Which.
            scored_by: The aliases whose holders have predictions of it.
        """
        found: list[Mark] = []
        for alias, times in self._stopped.items():
            change = covering(times, hour, is_scored=alias in scored_by)
            if change is not None:
                found.append(Mark("suspended", f"No holder of {alias} scores the hour. {change.in_words}"))
        day = day_key(hour)
        if day in self._left_out:
            found.append(Mark("left out", f"No training takes {day}: {self._left_out[day]}"))
        for each in self.quality.get(day, ()):
            if each["quality"] != "ok":
                found.append(_of_quality(each))
        return tuple(found)


def _of_quality(row: dict[str, Any]) -> Mark:
    measure, detail = str(row["measure"]).replace("_", " "), f": {row['detail']}" if row["detail"] else ""
    text = f"The day's {measure} is {row['quality']}: {row['value']:.4g}, bad beyond {row['bad']:.4g}{detail}"
    return Mark("low quality", text, row["quality"] == "severe")


def _left_out(view: View) -> dict[str, str]:
    """Days that no training may take, by the newest decision of each day of drift, to why."""
    decided = {each.day: each for each in source.records(view).drift_decisions()}
    return {day: f"decided on {each.day}. {each.reason}" for each in decided.values() for day in each.leave_out}


def _quality(view: View, first: pd.Timestamp, last: pd.Timestamp) -> dict[str, Sequence[dict[str, Any]]]:
    """Rows of data quality by day; of days that were not over, or not judged, there are none."""
    asked: dict[str, datetime] = {"first": first.floor("D"), "last": last.floor("D"), "ended": view.as_of - _DAY}
    rows = frame_of(
        view.tables,
        QUALITY_TABLE,
        "day, measure, value, bad, severe, quality, detail",
        "day BETWEEN $first AND $last AND day <= $ended ORDER BY day, measure",
        asked,
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for each in records(rows):
        found.setdefault(day_key(each["day"]), []).append(each)
    return dict(found)
