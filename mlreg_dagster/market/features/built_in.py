"""The features of the package, each a function on a `Grid`; their arithmetic is in `kernel`.

Functions fill the arrays that they get, without copies in between. Choosing features and making rows is in `features`.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.extensions.features import Feature
from mlreg_dagster.extensions.grid import Array, Grid
from mlreg_dagster.market.schema import CHANGES

FAMILIES = {
    "change_1h": "Price change over the last hour.",
    "change_24h": "Price change over the last 24 h.",
    "change_7d": "Price change over the last 7 days.",
    "all_time_high": "Price against its all-time high.",
    "volatility": "How much the price has varied over 7 days.",
    "volume": "Volume traded, now and in the hours before, and against the market cap: a burst is a break with them.",
    "past_change_1h": "Hourly price changes in the hours before.",
    "past_change_24h": "Daily price changes in the hours before.",
    "clock": "Hour of the day and day of the week.",
    "gaps": "Hours in which the instrument was not observed.",
}
"""What the features of the package measure; each belongs to one of these families."""

MAX_GAP_HOURS = 168
"""How far back the previous observation is looked for."""

_SLOG_VOLUME = "slog_volume_24h"

SIGNALS = {"change_1h_pct": "past_change_1h", "change_24h_pct": "past_change_24h", _SLOG_VOLUME: "volume"}
"""Series whose past an hour is compared with, to the family of the lags, rolling means and deviations of each."""

SKEWED = {
    **{name: name.removesuffix("_pct") for name in CHANGES},
    "market_cap_to_volume": "volume",
    "volume_24h": "volume",
}
"""What is heavy-tailed enough for its signed logarithm to be a feature, to its family."""


def built_in_features(settings: FeatureSettings) -> list[Feature]:
    """Every feature that the settings ask for of the package, in the order in which models see them."""
    return [*_base(), *_logarithms(), *_of_the_past(settings), *_of_the_clock()]


def observed(grid: Grid, out: Array, name: str) -> None:
    """A column of the snapshot as it is."""
    np.copyto(out, grid.now(name))


def cap_to_volume(grid: Grid, ratio: Array, slog: Array) -> None:
    """Market cap over 24 h volume, and its signed logarithm."""
    from mlreg_dagster.market.features.kernel import signed_log

    volume = grid.now("volume_24h")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        np.divide(grid.now("market_cap"), volume, out=ratio)
    ratio[np.isinf(ratio) | ~(volume > 0)] = np.nan
    signed_log(ratio, slog)


def all_time_high_change(grid: Grid, out: Array) -> None:
    """Price against the all-time high known at the hour."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        np.divide(grid.now("price"), grid.now("all_time_high"), out=out)
        out -= 1
        out *= 100
    out[np.isinf(out)] = np.nan


def slog(grid: Grid, out: Array, name: str) -> None:
    """Signed logarithm of a column."""
    from mlreg_dagster.market.features.kernel import signed_log

    signed_log(grid.now(name), out)


def signal(grid: Grid, name: str) -> Array:
    """A signal with its past; the logarithm of the volume is computed once for all that need it."""
    if name != _SLOG_VOLUME:
        return grid.series(name)
    from mlreg_dagster.market.features.kernel import signed_log

    def compute() -> Array:
        values = np.empty_like(grid.series("volume_24h"))
        signed_log(grid.series("volume_24h"), values)
        return values

    return grid.derived(_SLOG_VOLUME, compute)


def present(grid: Grid, out: Array, name: str) -> None:
    """A signal at the computed hours."""
    np.copyto(out, signal(grid, name)[grid.lookback :])


def lag(grid: Grid, out: Array, name: str, hours: int) -> None:
    """A signal exactly so many hours before."""
    signal(grid, name)
    np.copyto(out, grid.lagged(name, hours))


def rolling(grid: Grid, mean: Array, std: Array, name: str, window: int, min_share: float) -> None:
    """Mean and standard deviation of a signal over a window of clock hours."""
    from mlreg_dagster.market.features import kernel

    kernel.rolling(signal(grid, name), grid.first_hour, window, min_share, mean, std)


def hour_of_day(grid: Grid, out: Array) -> None:
    """Hour of the day."""
    np.copyto(out, grid.hours.hour.to_numpy(dtype=np.float64)[:, None])


def day_of_week(grid: Grid, out: Array) -> None:
    """Day of the week."""
    np.copyto(out, grid.hours.day_of_week.to_numpy(dtype=np.float64)[:, None])


def gaps(grid: Grid, is_gap: Array, since: Array) -> None:
    """Whether the instrument was missing in the hour before, and how long ago it was observed."""
    from mlreg_dagster.market.features.kernel import hours_since_previous

    hours_since_previous(grid.series("price"), MAX_GAP_HOURS, is_gap, since)


def _base() -> Iterator[Feature]:
    for name, hours in CHANGES.items():
        meaning, fill = f"Price against the one {hours} h before, %.", partial(observed, name=name)
        yield Feature(name, 0, meaning, "%", fill, family=SKEWED[name])
    yield Feature(
        "market_cap_to_volume",
        0,
        "Market cap over 24 h volume; null when either is unknown or nothing was traded.",
        "1",
        cap_to_volume,
        family="volume",
    )
    yield Feature(
        "ath_change_pct",
        0,
        "Price against the all-time high known at the hour, %.",
        "%",
        all_time_high_change,
        family="all_time_high",
    )
    yield Feature(
        "volatility_7d_pct",
        0,
        "Standard deviation of the log returns between observations of the last 168 h, scaled to an hour, %.",
        "%",
        partial(observed, name="volatility_7d_pct"),
        family="volatility",
    )


BASE = tuple(each.name for each in _base())
"""What an hour shows by itself, without logarithms."""


def _logarithms() -> Iterator[Feature]:
    shared: dict[str, Callable[..., None]] = {
        "market_cap_to_volume": cap_to_volume,
        "volume_24h": partial(present, name=_SLOG_VOLUME),
    }
    for name, family in SKEWED.items():
        fill = shared.get(name, partial(slog, name=name))
        meaning = f"Signed logarithm of {name}: sign(x) ln(1 + |x|)."
        yield Feature(f"slog_{name}", 0, meaning, "1", fill, family=family)


def _of_the_past(settings: FeatureSettings) -> Iterator[Feature]:
    for name, family in SIGNALS.items():
        unit = "1" if name == _SLOG_VOLUME else "%"
        for hours in settings.lag_hours:
            fill: Callable[..., None] = partial(lag, name=name, hours=hours)
            meaning = f"{name} exactly {hours} h before."
            yield Feature(f"{name}_lag_{hours}h", hours, meaning, unit, fill, family=family)
        for window in settings.rolling_hours:
            fill = partial(rolling, name=name, window=window, min_share=settings.min_window_share)
            mean = f"Mean of {name} over the last {window} h."
            std = f"Standard deviation of {name} over the last {window} h."
            yield Feature(f"{name}_mean_{window}h", window - 1, mean, unit, fill, family=family)
            yield Feature(f"{name}_std_{window}h", window - 1, std, unit, fill, family=family)


def _of_the_clock() -> Iterator[Feature]:
    yield Feature("hour_of_day", 0, "Hour of the day, UTC, 0 to 23.", "h", hour_of_day, family="clock")
    yield Feature("day_of_week", 0, "Day of the week, UTC, Monday = 0.", "d", day_of_week, family="clock")
    meaning = "1 where the instrument was not observed in the hour before."
    yield Feature("is_gap", 1, meaning, "1", gaps, family="gaps")
    yield Feature(
        "hours_since_previous",
        MAX_GAP_HOURS,
        f"Hours since the previous observation; null beyond {MAX_GAP_HOURS} h.",
        "h",
        gaps,
        family="gaps",
    )
