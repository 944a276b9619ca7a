"""Which days, and which instruments on other days, are of low quality, and what a dataset leaves out for it.

What follows from a day of low quality is in `choosing`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mlreg_dagster.config import DatasetSettings, Settings
from mlreg_dagster.market.day_quality import DayQuality, quality_of_days
from mlreg_dagster.market.features.features import lookbacks_of

SHOWN = 3

LEFT_OUT = "left_out_for_low_quality"
"""Key of a lineage; absent where nothing was left out."""


@dataclass(frozen=True)
class LeftOut:
    """What a dataset leaves out, and why.

    Attributes:
        days: Day to the reasons, each a sentence.
        instruments: Instrument to the days on which it is left out by itself, and to the reason.
        rows: How many rows that are.
        earlier_days: By how many days the window reaches further back than usual.
    """

    days: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    instruments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rows: int = 0
    earlier_days: int = 0

    def __bool__(self) -> bool:
        return bool(self.days or self.instruments)

    def __str__(self) -> str:
        return left_out_in_words(self.as_facts())

    def as_facts(self) -> dict[str, Any]:
        """The same in JSON values, as a lineage holds it."""
        return {
            "days": {day: list(reasons) for day, reasons in self.days.items()},
            "instruments": {name: dict(days) for name, days in self.instruments.items()},
            "rows": self.rows,
            "earlier_days": self.earlier_days,
        }


def recorded(left_out: LeftOut, settings: DatasetSettings) -> dict[str, Any]:
    """What a lineage says of it: the policy, its limits, what was left out; nothing where nothing was."""
    if not left_out:
        return {}
    policy = {"low_quality": settings.low_quality, "quality": settings.quality.model_dump(mode="json")}
    return {LEFT_OUT: {**policy, **left_out.as_facts()}}


def left_out_in_words(facts: Mapping[str, Any] | None) -> str:
    """What a lineage's `left_out` says, in a sentence or two; it has none where nothing was left out."""
    if not facts or not (facts["days"] or facts["instruments"]):
        return "Nothing was left out for low quality."
    days, instruments = facts["days"], facts["instruments"]
    parts = []
    if days:
        named = "; ".join(f"{day}: {' '.join(reasons)}" for day, reasons in list(days.items())[:SHOWN])
        parts.append(f"{counted(len(days), 'day')} ({named}{more(len(days))})")
    if instruments:
        named = "; ".join(
            f"{name} on {', '.join(where)}: {next(iter(where.values()))}"
            for name, where in list(instruments.items())[:SHOWN]
        )
        parts.append(f"{counted(len(instruments), 'instrument')} on single days ({named}{more(len(instruments))})")
    text = f"Left out for low quality: {' and '.join(parts)}, {facts['rows']} rows."
    if facts["earlier_days"]:
        text += f" The window begins {counted(facts['earlier_days'], 'day')} earlier than usual."
    return text


def without_left_out(features: pd.DataFrame, facts: Mapping[str, Any] | None) -> pd.DataFrame:
    """The rows but those that a lineage's `left_out` names."""
    if not facts or features.empty:
        return features
    days = features["hour"].dt.strftime("%Y-%m-%d")
    out = days.isin(facts["days"])
    for name, where in facts["instruments"].items():
        out |= (features["instrument_id"] == name) & days.isin(where)
    kept: pd.DataFrame = features[~out]
    return kept


def judge(
    features: pd.DataFrame, days: pd.DatetimeIndex, settings: Settings
) -> tuple[dict[pd.Timestamp, tuple[str, ...]], dict[tuple[pd.Timestamp, str], str]]:
    """The days of low quality with their reasons, and instruments of low quality on other days."""
    limits, checks = settings.datasets.quality, settings.ingest.checks
    lookbacks = {
        name: hours
        for name, hours in lookbacks_of(settings.features).items()
        if name in features and name not in checks.unknown_features
    }
    quality = quality_of_days(
        features,
        days,
        lookbacks,
        _usual_universe(features),
        min_universe_share=limits.min_universe_share,
        max_abs_change_1h_pct=checks.max_abs_change_1h_pct,
        min_frozen_hours=limits.max_frozen_hours + 1,
    )
    instruments = _low_instruments(quality, limits.max_instrument_null_share, limits.max_frozen_hours)
    bad = {
        day: reasons
        for day in days
        if quality.days.at[day, "rows"] and (reasons := _reasons(day, quality, instruments, settings))
    }
    return bad, instruments


def _usual_universe(features: pd.DataFrame) -> int:
    """How many instruments an hour has at usual times: three in four hours have no more."""
    counts = features["hour"].value_counts()
    return max(1, int(np.quantile(counts, 0.75, method="lower"))) if len(counts) else 1


def _low_instruments(
    quality: DayQuality, max_null_share: float, max_frozen_hours: int
) -> dict[tuple[pd.Timestamp, str], str]:
    found = quality.instruments
    reasons = {}
    for key, row in found[(found["lost"] > max_null_share) | (found["frozen_hours"] > max_frozen_hours)].iterrows():
        if row["lost"] > max_null_share:
            reason = f"{row['lost']:.1%} of its rows lost {row['lost_feature']}."
        else:
            reason = f"Its price stood still for {row['frozen_hours']} hours."
        reasons[key] = reason
    return reasons  # type: ignore[return-value]


def _reasons(
    day: pd.Timestamp, quality: DayQuality, instruments: Mapping[tuple[pd.Timestamp, str], str], settings: Settings
) -> tuple[str, ...]:
    """Why a day that has rows is of low quality, each reason as a sentence; empty where it is not."""
    limits, counts = settings.datasets.quality, quality.days.loc[day]
    reasons = []
    lost = quality.lost.loc[day]
    if len(lost) and lost.max() > limits.max_null_share:
        reasons.append(f"{lost.max():.1%} of the rows lost {lost.idxmax()}; allowed are {limits.max_null_share:.1%}.")
    out = set() if reasons else {name for at, name in instruments if at == day}  # one reason is enough for them
    of_day = quality.instruments.loc[day]
    left = 1.0 - of_day["rows"][of_day.index.isin(out)].sum() / counts["rows"]
    share = counts["universe_share"] * left
    if share < limits.min_universe_share:
        reasons.append(
            f"{share:.1%} of the usual instruments are left{f' without {len(out)} of low quality' if out else ''}; "
            f"asked are {limits.min_universe_share:.1%}."
        )
    thin = (counts["thin_hours"] - (24 - counts["hours"])) / counts["hours"]
    if thin > limits.max_thin_hours_share:
        reasons.append(
            f"{thin:.1%} of its hours have too few instruments; allowed are {limits.max_thin_hours_share:.1%}."
        )
    impossible = counts["impossible"] / counts["rows"]
    if impossible > limits.max_impossible_share:
        reasons.append(
            f"{impossible:.1%} of the prices moved more than {settings.ingest.checks.max_abs_change_1h_pct:g} % within "
            f"an hour; allowed are {limits.max_impossible_share:.1%}."
        )
    return tuple(reasons)


def counted(count: int, noun: str) -> str:
    """A number of things."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def more(count: int) -> str:
    """What follows the first SHOWN of so many."""
    return f" and {count - SHOWN} more" if count > SHOWN else ""
