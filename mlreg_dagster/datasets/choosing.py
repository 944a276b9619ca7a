"""Chooses the rows of a dataset: what `low_quality` of datasets.yaml does with days of low quality.

Pure functions of the stored rows, the settings and the clock. What they leave out is written into the lineage.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from mlreg_dagster.config import DatasetSettings, Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, day_key
from mlreg_dagster.datasets.low_quality import SHOWN, LeftOut, counted, judge, more, without_left_out
from mlreg_dagster.datasets.windows import Window, windows_of
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_DAY = pd.Timedelta(days=1)
_WEEK_DAYS = 7

KNOWN_WITHIN = pd.Timedelta(days=7)
"""A null is a loss where its instrument knew the feature before, within this time before the judged days or in them."""


class LowQuality(MlregError):
    """A dataset can't be made of the days that there are, or has to wait for better ones; the message says which."""


class WaitsForRepair(LowQuality):
    """Days of low quality may still be repaired; the message says until when."""


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
        features: Rows from `read_from` to the end of the window; others are ignored.
        window: The usual one.
        settings: Their `datasets` say what is low, and what happens then.
        now: The clock; with `wait`, days may be repaired until it has passed the deadline.

    Raises:
        LowQuality: Days are of low quality and must not be left out, or too few remain.
    """
    limits = settings.datasets
    reach = Window(_earliest(window, limits), window.end)
    bad, instruments = judge(
        _between(features, Window(read_from(window, limits), window.end)), _days_of(reach), settings
    )
    within = _between(features, reach)
    lost = [day for day in _days_of(window) if day in bad]
    if not lost:
        return _choice(within, window, bad, instruments)
    _require_exclusion("training", {day: bad[day] for day in lost}, window, limits, now)
    seen = set(pd.DatetimeIndex(within["hour"].dt.floor("D").unique()))
    usual = len(seen & set(_days_of(window)))
    wanted = min(_WEEK_DAYS, usual)

    def kept(first: pd.Timestamp) -> list[pd.Timestamp]:
        return [day for day in _days_of(Window(first, window.end)) if day in seen and day not in bad]

    first, oldest = window.first, within["hour"].min()
    while (
        first - _DAY >= reach.first
        and first > oldest
        and not (
            len(kept(first)) >= usual and {day.day_of_week for day in lost} <= {day.day_of_week for day in kept(first)}
        )
    ):
        first -= _DAY
    if len(kept(first)) < wanted:
        raise LowQuality(
            f"{_opening('training', window, {day: bad[day] for day in lost})} Without them, and with the up to "
            f"{limits.quality.replace_days} days before that replace them, {len(kept(first))} days are left, and "
            f"{wanted} are needed. {_remedy(lost)}"
        )
    return _choice(within, Window(first, window.end), bad, instruments, (window.first - first) // _DAY)


def choose_holdout(features: pd.DataFrame, window: Window, settings: Settings, now: pd.Timestamp) -> Choice:
    """The rows of a holdout window without those of low quality; no other day replaces one of a holdout.

    Args:
        features: Rows from `KNOWN_WITHIN` before the window to its end; others are ignored.
        window: The holdout's.
        settings: Their `datasets` say what is low, and what happens then.
        now: The clock.

    Raises:
        LowQuality: Days are of low quality and must not be left out, or too few hours remain.
    """
    limits = settings.datasets
    before = _between(features, Window(window.first - KNOWN_WITHIN, window.end))
    bad, instruments = judge(before, _days_of(window), settings)
    if bad:
        _require_exclusion("holdout", bad, window, limits, now)
        left = len([hour for hour in window.hours if hour.floor("D") not in bad])
        if left < limits.min_holdout_hours:
            raise LowQuality(
                f"{_opening('holdout', window, bad)} Without them {left} hours are left, and min_holdout_hours in "
                f"datasets.yaml is {limits.min_holdout_hours}. A later day has another holdout. {_remedy(list(bad))}"
            )
    return _choice(before, window, bad, instruments)


def choose_labelled(features: pd.DataFrame, window: Window, settings: Settings) -> Choice:
    """The rows of a labelled window without those of low quality, which nothing replaces.

    Args:
        features: Rows from `KNOWN_WITHIN` before the window to its end; others are ignored.
        window: That of the labelled rows.
        settings: Their `datasets` say what is low.
    """
    before = _between(features, Window(window.first - KNOWN_WITHIN, window.end))
    return _choice(before, window, *judge(before, _days_of(window), settings))


def read_from(window: Window, settings: DatasetSettings) -> pd.Timestamp:
    """From where on rows are read to choose those of a training window."""
    return _earliest(window, settings) - KNOWN_WITHIN


def _earliest(window: Window, settings: DatasetSettings) -> pd.Timestamp:
    """How far back a training window may reach where days of it are left out."""
    return window.first - settings.quality.replace_days * _DAY


def refusal(tables: Warehouse, day: pd.Timestamp, settings: Settings, now: pd.Timestamp) -> LowQuality | None:
    """Why the datasets of a day can't be made of its hours, or have to wait for better ones; None: they can be made.

    Raises:
        WarehouseBusy: Another process keeps the tables.
    """
    windows = windows_of(day, settings.datasets)
    first = read_from(windows.training, settings.datasets)
    features = tables.read(features_table(settings.features), first, windows.holdout.end - HOUR)
    try:
        choose_training(features, windows.training, settings, now)
        choose_holdout(features, windows.holdout, settings, now)
    except LowQuality as error:
        return error
    return None


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
    until_the_day_ends = settings.embargo_hours + settings.holdout_hours if name == "training" else 0
    deadline = window.end + (until_the_day_ends + settings.quality.wait_hours) * HOUR
    if settings.low_quality == "wait" and now < deadline:
        raise WaitsForRepair(
            f"{_opening(name, window, bad)} low_quality in datasets.yaml is wait: they are left out from "
            f"{deadline:%Y-%m-%d %H:%M} UTC on, unless they are repaired before. {_remedy(list(bad))}"
        )


def _opening(name: str, window: Window, bad: Mapping[pd.Timestamp, tuple[str, ...]]) -> str:
    named = " ".join(f"{day_key(day)}: {' '.join(reasons)}" for day, reasons in list(bad.items())[:SHOWN])
    return f"The {name} window {window} has {counted(len(bad), 'day')} of low quality. {named}{more(len(bad))}"


def _remedy(bad: list[pd.Timestamp]) -> str:
    first, last = min(bad), max(bad) + 23 * HOUR
    return (
        f"Repair the market and materialize market_snapshot and market_features for {first:%Y-%m-%d-%H:%M}..."
        f"{last:%Y-%m-%d-%H:%M} again, or change low_quality or the limits of quality in datasets.yaml."
    )


def _days_of(window: Window) -> pd.DatetimeIndex:
    """The midnights of the days that a window touches."""
    return pd.date_range(window.first.floor("D"), (window.end - HOUR).floor("D"), freq="D", unit="us")


def _between(features: pd.DataFrame, window: Window) -> pd.DataFrame:
    return features[(features["hour"] >= window.first) & (features["hour"] < window.end)]
