"""What a model sees of an instrument at one hour, by clock time.

Lags and windows are positions on a dense hour x instrument grid, so a missing hour stays missing instead of
pulling an older row into its place. Sums run over lags in a fixed order: an hour computed alone and the same
hour computed within a year agree to the last bit.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pandera.pandas as pa
from numpy.typing import NDArray

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.hours import HOUR, hour_range
from mlreg_dagster.market.made_with import FEATURE_SETTINGS
from mlreg_dagster.storage.tables import UTC, Table, column

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
    ours = pa.Check(lambda s: s == settings.text, error=f"must be the settings of features.yaml, {settings.text}")
    return Table(
        name="market_features",
        description="What a model sees of one instrument at one hour.",
        key=("hour", "instrument_id"),
        columns={
            "hour": column(UTC, "The hour that the row is for, UTC."),
            "instrument_id": column(str, "Stable key of the instrument."),
            FEATURE_SETTINGS: column(str, "The settings that the row was computed with, as JSON.", ours),
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
    grid_hours = hour_range(first, hours[-1])
    instruments, across = np.unique(snapshots["instrument_id"].to_numpy(dtype=str), return_inverse=True)
    down = ((snapshots["hour"] - first) // HOUR).to_numpy(dtype=np.int64)

    def on_grid(values: pd.Series) -> Grid:
        grid = np.full((len(grid_hours), len(instruments)), np.nan)
        grid[down, across] = values.to_numpy(dtype=np.float64)
        return grid

    observed = on_grid(snapshots["price"])
    columns = dict(_columns({name: on_grid(snapshots[name]) for name in _INPUTS}, observed, settings))
    present = ~np.isnan(observed)
    present[:lookback_hours] = False
    at_hour, at_instrument = np.nonzero(present)
    stamps = grid_hours[at_hour]
    columns["hour_of_day"] = stamps.hour.to_numpy(dtype=np.float64)
    columns["day_of_week"] = stamps.day_of_week.to_numpy(dtype=np.float64)
    return pd.DataFrame(
        {
            "hour": stamps,
            "instrument_id": instruments[at_instrument],
            FEATURE_SETTINGS: pd.Series([settings.text] * len(stamps), dtype="str"),
        }
        | {
            name: values[present] if (values := columns[name]).ndim == 2 else values
            for name in describe_features(settings)
        }
    )


_INPUTS = (
    "price", "market_cap", "volume_24h", "change_1h_pct", "change_24h_pct", "change_7d_pct", "all_time_high",
    "volatility_7d_pct",
)  # fmt: skip


def _columns(inputs: dict[str, Grid], observed: Grid, settings: FeatureSettings) -> Iterator[tuple[str, Grid]]:
    series = {name: inputs[name] for name in ("change_1h_pct", "change_24h_pct", "change_7d_pct", "volatility_7d_pct")}
    traded = np.where(inputs["volume_24h"] > 0, inputs["volume_24h"], np.nan)
    series["market_cap_to_volume"] = inputs["market_cap"] / traded
    series["ath_change_pct"] = (observed / inputs["all_time_high"] - 1) * 100
    series["volume_24h"] = inputs["volume_24h"]
    for name in SKEWED:
        series[f"slog_{name}"] = signed_log(series[name])
    yield from series.items()
    for name in SIGNALS:
        for lag in settings.lag_hours:
            yield f"{name}_lag_{lag}h", _lagged(series[name], lag)
        for window in settings.rolling_hours:
            mean, std = _rolling(series[name], window, settings.min_window_share)
            yield f"{name}_mean_{window}h", mean
            yield f"{name}_std_{window}h", std
    since = _hours_since_previous(observed)
    yield "is_gap", np.where(since == 1, 0.0, 1.0)
    yield "hours_since_previous", since


def signed_log(values: Grid) -> Grid:
    """sign(x) ln(1 + |x|): tames both tails and keeps zero and the sign."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def _lagged(grid: Grid, lag: int) -> Grid:
    lagged = np.full_like(grid, np.nan)
    lagged[lag:] = grid[: len(grid) - lag]
    return lagged


def _rolling(grid: Grid, window: int, min_share: float) -> tuple[Grid, Grid]:
    """Mean and sample deviation over the clock hours (h - window, h], null where too few were observed."""
    known = ~np.isnan(grid)
    filled = np.where(known, grid, 0.0)
    count = np.zeros_like(grid)
    total = np.zeros_like(grid)
    for lag in range(min(window, len(grid))):
        count[lag:] += known[: len(grid) - lag]
        total[lag:] += filled[: len(grid) - lag]
    enough = (count >= 1) & (count / window >= min_share)
    mean = np.divide(total, count, out=np.full_like(grid, np.nan), where=enough)
    squares = np.zeros_like(grid)
    for lag in range(min(window, len(grid))):
        deviation = np.where(known[: len(grid) - lag], filled[: len(grid) - lag] - mean[lag:], 0.0)
        squares[lag:] += deviation * deviation
    std = np.sqrt(np.divide(squares, count - 1, out=np.full_like(grid, np.nan), where=enough & (count > 1)))
    return mean, std


def _hours_since_previous(observed: Grid) -> Grid:
    since = np.full_like(observed, np.nan)
    known = ~np.isnan(observed)
    for lag in range(min(MAX_GAP_HOURS, len(observed) - 1), 0, -1):
        since[lag:][known[: len(observed) - lag]] = lag
    return since
