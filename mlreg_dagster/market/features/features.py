"""What a model sees of an instrument at one hour, by clock time.

Lags and windows are positions on a dense hour x instrument grid, so a missing hour stays missing instead of
pulling an older row into its place. The arithmetic is in `feature_kernel`.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.core.hours import HOUR, hours_since_epoch
from mlreg_dagster.market.features.provenance import FEATURE_SETTINGS
from mlreg_dagster.storage.warehouse.tables import FEW_TEXTS, UTC, Check, Table, column

Grid = NDArray[np.float64]
"""Hours down, instruments across; NaN = not observed."""

BASE = {
    "change_1h_pct": "Price against the one 1 h before, %.",
    "change_24h_pct": "Price against the one 24 h before, %.",
    "change_7d_pct": "Price against the one 168 h before, %.",
    "market_cap_to_volume": "Market cap over 24 h volume; null when either is unknown or nothing was traded.",
    "ath_change_pct": "Price against the all-time high known at the hour, %.",
    "volatility_7d_pct": "Standard deviation of the hourly log returns of the last 168 h, %.",
}
SKEWED = ("change_1h_pct", "change_24h_pct", "change_7d_pct", "market_cap_to_volume", "volume_24h")
SIGNALS = ("change_1h_pct", "change_24h_pct", "slog_volume_24h")
"""Series whose past an hour is compared with: lags, rolling means and deviations are taken of these."""

MAX_GAP_HOURS = 168
"""How far back the previous observation is looked for."""


def describe_features(settings: FeatureSettings) -> dict[str, str]:
    """Name to meaning of every feature, in the order in which models see them."""
    described = dict(BASE)
    described |= {f"slog_{name}": f"Signed logarithm of {name}: sign(x) ln(1 + |x|)." for name in SKEWED}
    for signal in SIGNALS:
        described |= {f"{signal}_lag_{lag}h": f"{signal} exactly {lag} h before." for lag in settings.lag_hours}
        for window in settings.rolling_hours:
            described[f"{signal}_mean_{window}h"] = f"Mean of {signal} over the last {window} h."
            described[f"{signal}_std_{window}h"] = f"Standard deviation of {signal} over the last {window} h."
    described["hour_of_day"] = "Hour of the day, UTC, 0 to 23."
    described["day_of_week"] = "Day of the week, UTC, Monday = 0."
    described["is_gap"] = "1 where the instrument was not observed in the hour before."
    described["hours_since_previous"] = f"Hours since the previous observation; null beyond {MAX_GAP_HOURS} h."
    return described


def features_table(settings: FeatureSettings) -> Table:
    """The table of features; its columns follow from the settings."""
    features = describe_features(settings)
    ours = Check(lambda s: s == settings.text, error=f"must be the settings of features.yaml, {settings.text}")
    return Table(
        name="market_features",
        description="What a model sees of one instrument at one hour.",
        key=("hour", "instrument_id"),
        columns={
            "hour": column(UTC, "The hour that the row is for, UTC."),
            "instrument_id": column(str, "Stable key of the instrument."),
            FEATURE_SETTINGS: column(FEW_TEXTS, "The settings that the row was computed with, as JSON.", ours),
            **{name: column(float, meaning, nullable=True) for name, meaning in features.items()},
        },
    )


def compute_features(
    snapshots: pd.DataFrame, hours: pd.DatetimeIndex, settings: FeatureSettings, lookback_hours: int
) -> pd.DataFrame:
    """Features of `hours` from the snapshots of those hours and the `lookback_hours` before them.

    Args:
        snapshots: Rows of `market_snapshot`; whatever lies outside `hours` and the hours before is ignored.
        hours: Consecutive whole hours.
        settings: Lags and windows.
        lookback_hours: How many hours before the first one are read.

    Returns:
        One row for each snapshot row within `hours`, with the columns of `features_table`, ordered by key.
    """
    first = hours[0] - lookback_hours * HOUR
    snapshots = snapshots[snapshots["hour"].between(first, hours[-1])]
    down = hours_since_epoch(snapshots["hour"]) - hours_since_epoch(hours[:1])[0] + lookback_hours
    across, instruments = pd.factorize(snapshots["instrument_id"])
    order = instruments.argsort()  # in half the time of `sort=True`
    instruments, ranks = instruments[order], order.argsort()
    cells = down * len(instruments) + ranks[across]
    grids = np.empty((len(_INPUTS), lookback_hours + len(hours), len(instruments)))

    def on_grid(name: str, grid: Grid) -> Grid:
        grid[:] = np.nan
        grid.ravel()[cells] = snapshots[name].to_numpy(dtype=np.float64)
        return grid

    names = list(describe_features(settings))
    columns = np.empty((len(names), len(hours), len(instruments)))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        inputs = dict(zip(_INPUTS, threads.map(on_grid, _INPUTS, grids), strict=True))
        observed = np.flatnonzero(~np.isnan(inputs["price"][lookback_hours:]))
        keys = threads.submit(_keys, observed, hours, instruments, settings)
        fill_columns(dict(zip(names, columns, strict=True)), inputs, hours, settings)
    values, rows = columns.reshape(len(names), -1), len(observed)
    if rows < values.shape[1]:
        for column_values in values:  # one after the other: a copy of all would double the memory
            column_values[:rows] = column_values[observed]
    frame = pd.DataFrame(values[:, :rows].T, columns=names, copy=False)
    for place, (name, key) in enumerate(keys.result().items()):
        frame.insert(place, name, key)
    return frame


def _keys(
    observed: NDArray[np.int64], hours: pd.DatetimeIndex, instruments: pd.Index, settings: FeatureSettings
) -> dict[str, Any]:
    """The columns that are no features, for the cells that were observed."""
    at_hour, at_instrument = np.divmod(observed, max(len(instruments), 1))
    return {
        "hour": hours.take(at_hour),
        "instrument_id": instruments.take(at_instrument).astype("str"),
        FEATURE_SETTINGS: pd.Categorical.from_codes(np.zeros(len(observed), np.int8), pd.Index([settings.text])),
    }


def fill_columns(
    columns: dict[str, Grid], inputs: dict[str, Grid], hours: pd.DatetimeIndex, settings: FeatureSettings
) -> None:
    """Compute every feature into its own grid.

    Args:
        columns: Every name of `describe_features`, to the hours x instruments grid that is filled.
        inputs: The columns of the snapshot on grids that begin earlier, by the hours that are looked back.
        hours: The hours of `columns`.
        settings: Lags and windows.
    """
    work = _steps(columns, inputs, hours, settings)
    if columns["is_gap"].size < _WORTH_SHARING:
        for step in work:
            step()
    else:
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            for done in [threads.submit(step) for step in work]:
                done.result()


_WORTH_SHARING = 50_000  # rows; fewer are computed before a second core has begun
_INPUTS = (
    "price", "market_cap", "volume_24h", "change_1h_pct", "change_24h_pct", "change_7d_pct", "all_time_high",
    "volatility_7d_pct",
)  # fmt: skip


def _steps(
    columns: dict[str, Grid], inputs: dict[str, Grid], hours: pd.DatetimeIndex, settings: FeatureSettings
) -> Iterator[Callable[[], None]]:
    """Pieces of work that touch columns of their own, in whichever order or at once."""
    from mlreg_dagster.market.features.kernel import hours_since_previous, rolling, signed_log

    skipped = len(inputs["price"]) - len(hours)
    base = {name: grid[skipped:] for name, grid in inputs.items()}

    def divide() -> None:
        ratio, change = columns["market_cap_to_volume"], columns["ath_change_pct"]
        with np.errstate(divide="ignore", invalid="ignore"):
            np.divide(base["market_cap"], base["volume_24h"], out=ratio)
        ratio[~(base["volume_24h"] > 0)] = np.nan
        signed_log(ratio, columns["slog_market_cap_to_volume"])
        np.divide(base["price"], base["all_time_high"], out=change)
        change -= 1
        change *= 100

    yield divide
    for name in ("change_1h_pct", "change_24h_pct", "change_7d_pct", "volatility_7d_pct"):
        yield partial(np.copyto, columns[name], base[name])
    for name in ("change_1h_pct", "change_24h_pct", "change_7d_pct"):
        yield partial(signed_log, base[name], columns[f"slog_{name}"])
    slog_volume = np.empty_like(inputs["volume_24h"])
    signed_log(inputs["volume_24h"], slog_volume)  # while other threads are busy with the steps above
    yield partial(np.copyto, columns["slog_volume_24h"], slog_volume[skipped:])
    first_hour = int(hours_since_epoch(hours[:1])[0]) - skipped
    for name in SIGNALS:
        series = inputs.get(name, slog_volume)
        for lag in settings.lag_hours:
            yield partial(np.copyto, columns[f"{name}_lag_{lag}h"], series[skipped - lag : len(series) - lag])
        for window in settings.rolling_hours:
            mean, std = columns[f"{name}_mean_{window}h"], columns[f"{name}_std_{window}h"]
            yield partial(rolling, series, first_hour, window, settings.min_window_share, mean, std)
    yield partial(
        hours_since_previous, inputs["price"], MAX_GAP_HOURS, columns["is_gap"], columns["hours_since_previous"]
    )
    yield partial(np.copyto, columns["hour_of_day"], hours.hour.to_numpy(dtype=np.float64)[:, None])
    yield partial(np.copyto, columns["day_of_week"], hours.day_of_week.to_numpy(dtype=np.float64)[:, None])
