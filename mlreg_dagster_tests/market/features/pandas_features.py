"""The features once more, as one would write them in pandas: the oracle of the tests, the measure of the benchmark."""

import numpy as np
import pandas as pd

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.market.features.built_in import MAX_GAP_HOURS, SIGNALS, SKEWED
from mlreg_dagster.market.features.features import describe_features


def pandas_features(snapshots: pd.DataFrame, hours: pd.DatetimeIndex, settings: FeatureSettings) -> pd.DataFrame:
    """Hour, instrument and every feature of `hours`, by clock time, ordered by key."""
    rows = snapshots.sort_values(["instrument_id", "hour"], ignore_index=True)
    rows["market_cap_to_volume"] = rows["market_cap"] / rows["volume_24h"].where(rows["volume_24h"] > 0)
    rows["ath_change_pct"] = (rows["price"] / rows["all_time_high"] - 1) * 100
    for name in SKEWED:
        rows[f"slog_{name}"] = np.sign(rows[name]) * np.log1p(np.abs(rows[name]))
    by_time = rows.set_index("hour").groupby("instrument_id")[list(SIGNALS)]
    for lag in settings.lag_hours:
        before = rows[["instrument_id", "hour", *SIGNALS]].assign(hour=rows["hour"] + pd.Timedelta(hours=lag))
        before = before.rename(columns={name: f"{name}_lag_{lag}h" for name in SIGNALS})
        rows = rows.merge(before, on=["instrument_id", "hour"], how="left")
    for window in settings.rolling_hours:
        least = max(1, int(np.ceil(settings.min_window_share * window)))
        rolled = by_time.rolling(f"{window}h", min_periods=least)
        means, deviations = rolled.mean(), rolled.std()
        for name in SIGNALS:
            rows[f"{name}_mean_{window}h"] = means[name].to_numpy()
            rows[f"{name}_std_{window}h"] = deviations[name].to_numpy()
    rows["hour_of_day"] = rows["hour"].dt.hour.astype(float)
    rows["day_of_week"] = rows["hour"].dt.day_of_week.astype(float)
    since = rows.groupby("instrument_id")["hour"].diff() / pd.Timedelta(hours=1)
    rows["hours_since_previous"] = since.where(since <= MAX_GAP_HOURS)
    rows["is_gap"] = (since != 1).astype(float)
    rows = rows[rows["hour"].between(hours[0], hours[-1])].sort_values(["hour", "instrument_id"], ignore_index=True)
    return rows[["hour", "instrument_id", *describe_features(settings)]]
