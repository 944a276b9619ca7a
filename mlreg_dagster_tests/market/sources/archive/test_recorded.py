"""Recorded markets, where the data is there."""

from pathlib import Path

import numpy as np
import pandas as pd

from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster_tests.market.sources import source_fixtures
from mlreg_dagster_tests.market.sources.archive.test_source import archive, snapshots

LATER = pd.Timestamp("2030-01-01", tz="UTC")


def test_recorded_coins(data_dir: Path) -> None:
    path = data_dir / "crypto_hourly_2017.parquet"
    bars = pd.read_parquet(path, columns=["asset_id", "ts", "close"])
    ether = bars[bars["asset_id"] == "eth"].set_index("ts")["close"]
    missing = pd.date_range("2017-01-01", "2017-12-31T23:00", freq="h", tz="UTC").difference(ether.index)
    hole = missing[-1]
    asked = source_fixtures.hours(hole - 2 * HOUR, 60)
    rows = snapshots(path, asked)
    ours = rows[rows["instrument_id"] == "eth"].set_index("hour")
    assert hole not in ours.index
    assert ours.index.equals(pd.DatetimeIndex([hour for hour in asked if hour in ether.index]).as_unit("us"))
    for column, lag in (("change_1h_pct", 1), ("change_24h_pct", 24), ("change_7d_pct", 168)):
        then = ether.reindex(ours.index - lag * HOUR).to_numpy()
        np.testing.assert_allclose(ours[column], (ours["price"] / then - 1) * 100)
    if hole + HOUR in ours.index:
        assert np.isnan(ours.loc[hole + HOUR, "change_1h_pct"])
    assert ours["all_time_high"].iloc[-1] == ether[ether.index <= asked[-1]].max()


def test_recorded_stocks_of_a_market_that_closes(data_dir: Path) -> None:
    path = data_dir / "vn_stocks_hourly.parquet"
    asked = source_fixtures.hours("2025-06-06T00:00", 96)  # Friday to Monday
    rows = MARKET_SNAPSHOT.validate(archive(path, 300, exclude=("vnindex",)).snapshots(asked, LATER))
    assert "vnindex" not in set(rows["instrument_id"])
    assert sorted(rows["hour"].dt.strftime("%a %H").unique()) == sorted(
        f"{day} {hour}" for day in ("Fri", "Mon") for hour in ("02", "03", "04", "06", "07")
    )
    monday = rows[rows["hour"] == as_hour("2025-06-09T07:00")]
    assert monday["change_1h_pct"].notna().mean() > 0.9
    assert monday["change_24h_pct"].isna().all()  # Sunday
    assert monday["change_7d_pct"].notna().mean() > 0.9
