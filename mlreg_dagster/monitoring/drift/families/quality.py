"""The quality of a day's data against fixed limits: exact counts, no statistics."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlreg_dagster.market.day_quality import DayQuality
from mlreg_dagster.monitoring.drift.schema import DATA_QUALITY_DRIFT

LOOKBACK_DAYS = 8
"""Days before a day whose rows are read to tell what was lost on it."""

USUAL_DAYS = 28
"""Days before a day by which its usual instruments and its usual last hour are known."""

_LEVELS = ("ok", "bad", "severe")


@dataclass(frozen=True)
class Measure:
    """A measure of quality.

    Attributes:
        name: In the table.
        bad: The limit beyond which a day is bad.
        severe: The limit beyond which it is severe.
        meaning: In words.
    """

    name: str
    bad: float
    severe: float
    meaning: str

    def level(self, value: float) -> str:
        """ok, bad or severe; where the limits fall, low values are bad."""
        beyond = (value < self.bad, value < self.severe) if self.severe < self.bad else self._above(value)
        return _LEVELS[sum(beyond)]

    def _above(self, value: float) -> tuple[bool, bool]:
        # shares of whole rows: at the limit is beyond it; hours are not
        if self.name.endswith("_share"):
            return value >= self.bad - 1e-9, value >= self.severe - 1e-9
        return value > self.bad, value > self.severe


MEASURES = (
    Measure("lost_share", 0.05, 0.20, "of the rows lost a feature that their instrument had"),
    Measure("universe_share", 0.80, 0.60, "of the usual instruments were there"),
    Measure("stale_hours", 3.0, 6.0, "hours were missing at the end of the day"),
    Measure("frozen_share", 0.05, 0.20, "of the instruments had a price that stood still"),
    Measure("impossible_share", 0.005, 0.02, "of the prices moved further within an hour than is possible"),
)


def quality_rows(
    counted: DayQuality, closed: pd.Series, usual_stale: pd.Series, is_stale: pd.Series, differs: pd.Series
) -> pd.DataFrame:
    """Rows of DATA_QUALITY_DRIFT.

    Args:
        counted: What was counted.
        closed: By day whether the market was closed: no row is missing then, and the day has none here.
        usual_stale: By day the hours that days before lacked at their end, as a market that closes does.
        is_stale: By day, see the table.
        differs: By day, see the table.
    """
    days = counted.days
    values = pd.DataFrame(
        {
            "lost_share": counted.lost.max(axis=1).fillna(0.0),
            "universe_share": days["universe_share"],
            "stale_hours": (days["stale_hours"] - usual_stale).clip(lower=0.0),
            "frozen_share": days["frozen_share"],
            "impossible_share": days["impossible"] / np.maximum(days["rows"], 1),
        },
        index=days.index,
    )
    worst = counted.lost.fillna(0.0)
    records = [
        {
            "day": day,
            "measure": each.name,
            "value": float(values.loc[day, each.name]),
            "bad": each.bad,
            "severe": each.severe,
            "quality": each.level(float(values.loc[day, each.name])),
            "detail": str(worst.loc[day].idxmax()) if each.name == "lost_share" and worst.loc[day].max() > 0 else None,
            "is_stale": bool(is_stale[day]),
            "differs_from_training": bool(differs[day]),
        }
        for day in days.index
        if not closed[day]
        for each in MEASURES
    ]
    frame = pd.DataFrame(records, columns=list(DATA_QUALITY_DRIFT.columns))
    return frame.astype(DATA_QUALITY_DRIFT.empty().dtypes.to_dict()).sort_values(
        list(DATA_QUALITY_DRIFT.key), ignore_index=True
    )


def universe_share(per_hour: "pd.Series[int]", day: pd.Timestamp) -> float | None:
    """The rows of a day against those that the same hours of the day had in the days before.

    By hour of the day, as an hour in which a few instruments trade after the close has not lost the others.

    Args:
        per_hour: How many rows each hour has, of the day and of those before it.
        day: Its midnight.

    Returns:
        None: none of its hours had rows before.
    """
    hours = pd.DatetimeIndex(per_hour.index)
    before = per_hour[(hours < day) & (hours >= day - pd.Timedelta(days=USUAL_DAYS))]
    own = per_hour[(hours >= day) & (hours < day + pd.Timedelta(days=1))]
    usual = before.groupby(pd.DatetimeIndex(before.index).hour).median()
    there = own.groupby(pd.DatetimeIndex(own.index).hour).sum()
    known = there.index.intersection(usual.index)
    return float(there[known].sum() / usual[known].sum()) if len(known) else None


def worst_of(rows: pd.DataFrame) -> str:
    """The quality of a day: that of its worst measure."""
    return _LEVELS[max(map(_LEVELS.index, rows["quality"]), default=0)]


def reasons_of(rows: pd.DataFrame) -> list[str]:
    """A sentence for each measure beyond its limits."""
    by_name = {each.name: each for each in MEASURES}
    found = []
    for row in rows[rows["quality"] != "ok"].to_dict("records"):
        measure = by_name[row["measure"]]
        value = f"{row['value']:.1f}" if measure.name == "stale_hours" else f"{row['value']:.1%}"
        detail = f" ({row['detail']})" if isinstance(row["detail"], str) else ""
        found.append(f"data quality: {value} {measure.meaning}{detail}; {row['quality']}")
    return found
