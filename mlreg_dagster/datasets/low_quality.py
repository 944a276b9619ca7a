"""Which days and instruments of a dataset's hours are of low quality, and what `low_quality` of datasets.yaml does then.

A pure function of the stored rows, the settings and the clock. What it decides is written into the lineage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mlreg_dagster.config import DatasetSettings, Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, day_key
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.day_quality import DayQuality, quality_of_days
from mlreg_dagster.market.features.features import lookbacks_of

_DAY = pd.Timedelta(days=1)
_WEEK_DAYS = 7
_SHOWN = 3


class LowQuality(MlregError):
    """A dataset can't be made of the days that there are, or has to wait for better ones; the message says which."""


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


@dataclass(frozen=True)
class Choice:
    """The rows that a dataset may be made of.

    Attributes:
        window: The hours that they lie in; it begins earlier than usual where days are replaced.
        features: All rows of the window but those that are left out.
        left_out: What is.
    """

    window: Window
    features: pd.DataFrame
    left_out: LeftOut


def choose_training(features: pd.DataFrame, window: Window, settings: Settings, now: pd.Timestamp) -> Choice:
    """The rows of a training window without those of low quality; earlier days replace the days that are left out.

    Args:
        features: Rows from `earliest(window, settings.datasets)` to the end of the window; others are ignored.
        window: The usual one.
        settings: Their `datasets` say what is low, and what happens then.
        now: The clock; with `wait`, days may be repaired until it has passed the deadline.

    Raises:
        LowQuality: Days are of low quality and must not be left out, or too few remain.
    """
    limits = settings.datasets
    within = _between(features, Window(earliest(window, limits), window.end))
    bad, instruments = _judge(within, _days_of(Window(earliest(window, limits), window.end)), settings)
    lost = [day for day in _days_of(window) if day in bad]
    if not lost:
        return _choice(within, window, bad, instruments)
    _require_exclusion("training", {day: bad[day] for day in lost}, window, limits, now)
    seen = set(pd.DatetimeIndex(within["hour"].dt.floor("D").unique()))
    usual = len(seen & set(_days_of(window)))
    wanted = min(_WEEK_DAYS, usual)

    def kept(first: pd.Timestamp) -> list[pd.Timestamp]:
        return [day for day in _days_of(Window(first, window.end)) if day in seen and day not in bad]

    first = window.first
    while first - _DAY >= earliest(window, limits) and not (
        len(kept(first)) >= usual and {day.day_of_week for day in lost} <= {day.day_of_week for day in kept(first)}
    ):
        first -= _DAY
    if len(kept(first)) < wanted:
        raise LowQuality(
            f"{_opening('training', window, {day: bad[day] for day in lost})} Without them, and with the up to "
            f"{limits.quality.replace_days} days before that replace them, {len(kept(first))} days are left, and "
            f"{wanted} are needed. {_remedy(lost)}"
        )
    return _choice(within, Window(first, window.end), bad, instruments, (window.first - first) // _DAY)


def choose_holdout(
    features: pd.DataFrame, window: Window, settings: Settings, now: pd.Timestamp, training: Window
) -> Choice:
    """The rows of a holdout window without those of low quality; no other day replaces one of a holdout.

    Args:
        features: Rows from the beginning of the training window on: they say what was known before.
        window: The holdout's.
        settings: Their `datasets` say what is low, and what happens then.
        now: The clock.
        training: The training window of the same day.

    Raises:
        LowQuality: Days are of low quality and must not be left out, or too few hours remain.
    """
    limits = settings.datasets
    before = _between(features, Window(training.first, window.end))
    bad, instruments = _judge(before, _days_of(window), settings)
    if bad:
        _require_exclusion("holdout", bad, window, limits, now)
        left = len([hour for hour in window.hours if hour.floor("D") not in bad])
        if left < limits.min_holdout_hours:
            raise LowQuality(
                f"{_opening('holdout', window, bad)} Without them {left} hours are left, and min_holdout_hours in "
                f"datasets.yaml is {limits.min_holdout_hours}. A later day has another holdout. {_remedy(list(bad))}"
            )
    return _choice(before, window, bad, instruments)


def earliest(window: Window, settings: DatasetSettings) -> pd.Timestamp:
    """How far back a training window may reach where days of it are left out."""
    return window.first - settings.quality.replace_days * _DAY


def left_out_in_words(facts: Mapping[str, Any] | None) -> str:
    """What a lineage's `left_out` says, in a sentence or two; it has none where nothing was left out."""
    if not facts:
        return "Nothing was left out for low quality."
    days, instruments = facts["days"], facts["instruments"]
    parts = []
    if days:
        named = "; ".join(f"{day}: {' '.join(reasons)}" for day, reasons in list(days.items())[:_SHOWN])
        parts.append(f"{len(days)} days ({named}{_more(len(days))})")
    if instruments:
        named = "; ".join(
            f"{name} on {', '.join(where)}: {next(iter(where.values()))}"
            for name, where in list(instruments.items())[:_SHOWN]
        )
        parts.append(f"{len(instruments)} instruments on single days ({named}{_more(len(instruments))})")
    text = f"Left out for low quality: {' and '.join(parts)}, {facts['rows']} rows."
    if facts["earlier_days"]:
        text += f" The window begins {facts['earlier_days']} days earlier than usual."
    return text


def without_left_out(features: pd.DataFrame, facts: Mapping[str, Any] | None) -> pd.DataFrame:
    """The rows but those that a lineage's `left_out` names."""
    if not facts or features.empty:
        return features
    days = features["hour"].dt.strftime("%Y-%m-%d")
    out = days.isin(facts["days"])
    for name, where in facts["instruments"].items():
        out |= (features["instrument_id"] == name) & days.isin(where)
    return features[~out]


def _choice(
    features: pd.DataFrame,
    window: Window,
    bad: Mapping[pd.Timestamp, tuple[str, ...]],
    instruments: Mapping[tuple[pd.Timestamp, str], str],
    earlier_days: int = 0,
) -> Choice:
    days, rows = _days_of(window), _between(features, window)
    by_instrument: dict[str, dict[str, str]] = {}
    for (day, name), reason in instruments.items():
        if day in days and day not in bad:
            by_instrument.setdefault(name, {})[day_key(day)] = reason
    left_out = LeftOut(
        days={day_key(day): bad[day] for day in days if day in bad},
        instruments=by_instrument,
        earlier_days=earlier_days,
    )
    if not left_out:
        return Choice(window, rows, left_out)
    kept = without_left_out(rows, left_out.as_facts())
    counted = LeftOut(left_out.days, left_out.instruments, len(rows) - len(kept), earlier_days)
    return Choice(window, kept, counted)


def _judge(
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
    out = {name for at, name in instruments if at == day}
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


def _require_exclusion(
    name: str,
    bad: Mapping[pd.Timestamp, tuple[str, ...]],
    window: Window,
    settings: DatasetSettings,
    now: pd.Timestamp,
) -> None:
    """Let days be left out where the policy does that, or has waited long enough."""
    if settings.low_quality == "refuse":
        raise LowQuality(f"{_opening(name, window, bad)} low_quality in datasets.yaml is refuse. {_remedy(list(bad))}")
    deadline = window.end + settings.embargo_hours * HOUR * (name == "training")
    deadline += settings.holdout_hours * HOUR * (name == "training") + settings.quality.wait_hours * HOUR
    if settings.low_quality == "wait" and now < deadline:
        raise LowQuality(
            f"{_opening(name, window, bad)} low_quality in datasets.yaml is wait: they are left out from "
            f"{deadline:%Y-%m-%d %H:%M} UTC on, unless they are repaired before. {_remedy(list(bad))}"
        )


def _opening(name: str, window: Window, bad: Mapping[pd.Timestamp, tuple[str, ...]]) -> str:
    named = " ".join(f"{day_key(day)}: {' '.join(reasons)}" for day, reasons in list(bad.items())[:_SHOWN])
    return f"The {name} window {window} has {len(bad)} days of low quality. {named}{_more(len(bad))}"


def _remedy(bad: list[pd.Timestamp]) -> str:
    first, last = min(bad), max(bad) + 23 * HOUR
    return (
        f"Repair the market and materialize market_snapshot and market_features for {first:%Y-%m-%d-%H:%M}..."
        f"{last:%Y-%m-%d-%H:%M} again, or change low_quality or the limits of quality in datasets.yaml."
    )


def _more(count: int) -> str:
    return f" and {count - _SHOWN} more" if count > _SHOWN else ""


def _days_of(window: Window) -> pd.DatetimeIndex:
    """The midnights of the days that a window touches."""
    return pd.date_range(window.first.floor("D"), (window.end - HOUR).floor("D"), freq="D", unit="us")


def _between(features: pd.DataFrame, window: Window) -> pd.DataFrame:
    return features[(features["hour"] >= window.first) & (features["hour"] < window.end)]
