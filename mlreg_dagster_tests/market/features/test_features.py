"""Features against a slow clock: per row, per value, in plain Python."""

import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import FeatureSettings, Settings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.features.built_in import SIGNALS
from mlreg_dagster.market.features.features import compute_features, describe_features, features_table, lookbacks_of
from mlreg_dagster.market.features.provenance import FEATURE_SETTINGS
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.tables import InvalidRows
from mlreg_dagster_tests.market.features.pandas_features import pandas_features
from mlreg_dagster_tests.market.frames import at, hours_at, random_market, snapshot_of

LOOKBACK = 168
DEFAULT = FeatureSettings()

markets = st.builds(
    random_market,
    seed=st.integers(0, 10_000),
    length=st.just(230),
    instruments=st.integers(1, 5),
    seen=st.sampled_from([0.3, 0.8, 1.0]),
    slots=st.sampled_from([range(24), (2, 3, 4, 6, 7)]),
    caps=st.booleans(),
)
choices = st.builds(
    FeatureSettings,
    lag_hours=st.sampled_from([(1, 6, 24), (3,), (168,)]),
    rolling_hours=st.sampled_from([(6, 24), (2,), (168, 5)]),
    min_window_share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)


def features_of(
    snapshots: pd.DataFrame, first: int, last: int, settings: FeatureSettings = DEFAULT, lookback: int = LOOKBACK
) -> pd.DataFrame:
    return compute_features(snapshots, hours_at(first, last), settings, lookback)


def same(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    """Equal to the last bit; nulls are equal."""
    pd.testing.assert_frame_equal(left, right, check_exact=True)
    return True


class Clock:
    """What is known of each instrument at each hour, looked up by time alone."""

    def __init__(self, snapshots: pd.DataFrame, settings: FeatureSettings) -> None:
        self.rows = {(row["instrument_id"], row["hour"]): row for row in snapshots.to_dict("records")}
        self.settings = settings

    def base(self, name: str, instrument: str, hour: pd.Timestamp) -> float | None:
        row = self.rows.get((instrument, hour))
        if row is None:
            return None
        known = {key: value for key, value in row.items() if not pd.isna(value)}
        if name.startswith("slog_"):
            value = self.base(name.removeprefix("slog_"), instrument, hour)
            return None if value is None else math.copysign(math.log1p(abs(value)), value)
        if name == "market_cap_to_volume":
            return (
                known["market_cap"] / known["volume_24h"]
                if {"market_cap"} <= known.keys() and known.get("volume_24h")
                else None
            )
        if name == "ath_change_pct":
            return (known["price"] / known["all_time_high"] - 1) * 100 if "all_time_high" in known else None
        return known.get(name)

    def window(self, signal: str, instrument: str, hour: pd.Timestamp, length: int) -> list[float] | None:
        values = [self.base(signal, instrument, hour - lag * HOUR) for lag in range(length)]
        found = [value for value in values if value is not None]
        return found if found and len(found) / length >= self.settings.min_window_share else None

    def expected(self, instrument: str, hour: pd.Timestamp) -> dict[str, float | None]:
        names = describe_features(self.settings)
        result = {name: self.base(name, instrument, hour) for name in names}
        for signal in SIGNALS:
            for lag in self.settings.lag_hours:
                result[f"{signal}_lag_{lag}h"] = self.base(signal, instrument, hour - lag * HOUR)
            for length in self.settings.rolling_hours:
                values = self.window(signal, instrument, hour, length)
                result[f"{signal}_mean_{length}h"] = statistics.fmean(values) if values else None
                result[f"{signal}_std_{length}h"] = statistics.stdev(values) if values and len(values) > 1 else None
        result["hour_of_day"], result["day_of_week"] = float(hour.hour), float(hour.weekday())
        since = [lag for lag in range(1, 169) if (instrument, hour - lag * HOUR) in self.rows]
        result["hours_since_previous"] = float(since[0]) if since else None
        result["is_gap"] = float(since[:1] != [1])
        return result


@given(markets, choices, st.integers(0, 10_000))
def test_every_value_is_what_a_clock_says(snapshots, settings, seed):
    found = features_of(snapshots, 180, 229, settings)
    clock = Clock(snapshots, settings)
    for row in found.sample(min(12, len(found)), random_state=seed).to_dict("records"):
        instrument, hour = row.pop("instrument_id"), row.pop("hour")
        assert row.pop(FEATURE_SETTINGS) == settings.text
        expected = clock.expected(instrument, hour)
        assert list(row) == list(expected)
        for name, value in expected.items():
            if value is None:
                assert math.isnan(row[name]), (name, row[name])
            else:
                assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


@given(markets)
def test_there_is_one_row_for_each_snapshot_row_in_the_order_of_the_key(snapshots):
    found = features_of(snapshots.sample(frac=1, random_state=1), 180, 229)
    expected = snapshots[snapshots["hour"] >= at(180)].sort_values(["hour", "instrument_id"], ignore_index=True)
    assert same(found[["hour", "instrument_id"]], expected[["hour", "instrument_id"]])


@given(markets, choices)
def test_an_hour_alone_and_within_a_range_agree_to_the_last_bit(snapshots, settings):
    together = features_of(snapshots, 180, 229, settings)
    for offset in (180, 201, 229):
        alone = features_of(snapshots, offset, offset, settings)
        assert same(alone, together[together["hour"] == at(offset)].reset_index(drop=True))


@given(markets, choices, st.integers(181, 228), st.integers(0, 10_000))
def test_what_comes_later_changes_nothing(snapshots, settings, now, seed):
    rng = np.random.default_rng(seed)
    before = features_of(snapshots, 180, now, settings)
    later = snapshots["hour"] > at(now)
    kept = snapshots[~later | (rng.random(len(snapshots)) < 0.5)].copy()
    later = kept["hour"] > at(now)
    for name in ("price", "volume_24h", "change_1h_pct", "all_time_high"):
        kept.loc[later, name] = rng.uniform(1, 1e6, int(later.sum()))
    newcomer = snapshot_of({"at": offset, "instrument_id": "a newcomer"} for offset in range(now + 1, 230))
    altered = pd.concat([kept, newcomer], ignore_index=True)
    assert same(features_of(altered, 180, now, settings), before)
    together = features_of(altered, 180, 229, settings)
    assert same(together[together["hour"] <= at(now)].reset_index(drop=True), before)


def test_a_gap_stays_a_gap():
    rows = snapshot_of(
        {"at": offset, "change_1h_pct": value} for offset, value in [(100, 7.0), (101, 8.0), (103, 9.0), (104, 10.0)]
    )
    settings = FeatureSettings(lag_hours=(1, 2), rolling_hours=(2, 3), min_window_share=0.6)
    found = features_of(rows, 100, 104, settings).set_index("hour")
    after = found.loc[at(103)]
    assert math.isnan(after["change_1h_pct_lag_1h"])
    assert after["change_1h_pct_lag_2h"] == 8.0
    assert math.isnan(after["change_1h_pct_mean_2h"])
    assert after["change_1h_pct_mean_3h"] == 8.5
    assert found["is_gap"].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert found["hours_since_previous"].tolist()[1:] == [1.0, 2.0, 1.0]
    assert math.isnan(found["hours_since_previous"].iloc[0])


@pytest.mark.parametrize("unknown", ["market_cap", "volume_24h", "all_time_high", "change_1h_pct", "volatility_7d_pct"])
def test_unknown_is_never_zero(unknown):
    rows = snapshot_of({"at": offset, unknown: None if offset > 97 else 1.0} for offset in range(101))
    before, after = (features_of(rows, hour, hour).iloc[0] for hour in (97, 100))
    lost = {name for name in after.index if not pd.isna(before[name]) and pd.isna(after[name])}
    derived = {
        "market_cap": {"market_cap_to_volume", "slog_market_cap_to_volume"},
        "volume_24h": {"market_cap_to_volume", "slog_volume_24h", "slog_volume_24h_lag_1h"},
        "all_time_high": {"ath_change_pct"},
        "change_1h_pct": {"change_1h_pct", "slog_change_1h_pct", "change_1h_pct_lag_1h"},
        "volatility_7d_pct": {"volatility_7d_pct"},
    }
    assert derived[unknown] <= lost
    assert not [name for name in derived[unknown] if after[name] == 0]


def test_where_nothing_was_traded_there_is_no_ratio():
    found = features_of(snapshot_of([{"at": 200, "volume_24h": 0.0}]), 200, 200).iloc[0]
    assert math.isnan(found["market_cap_to_volume"])
    assert found["slog_volume_24h"] == 0.0


def test_a_ratio_too_large_for_a_number_is_unknown():
    found = features_of(
        snapshot_of([{"at": 200, "market_cap": 1e200, "volume_24h": 1e-200, "price": 1e200, "all_time_high": 1e-200}]),
        200,
        200,
    ).iloc[0]
    assert found[["market_cap_to_volume", "slog_market_cap_to_volume", "ath_change_pct"]].isna().all()


@pytest.mark.parametrize(("share", "window", "least"), [(0.5, 24, 12), (0.07, 100, 7), (1.0, 6, 6), (0.0, 6, 1)])
def test_a_window_needs_its_share(share, window, least):
    settings = FeatureSettings(rolling_hours=(window,), min_window_share=share)
    name = f"change_1h_pct_mean_{window}h"
    for seen, known in [(least, True), (least - 1, False)]:
        gaps = [{"at": 200 - lag, "change_1h_pct": 1.0 if lag < seen else None} for lag in range(window)]
        assert bool(features_of(snapshot_of(gaps), 200, 200, settings)[name].notna().iloc[0]) is known


@pytest.mark.parametrize(("gap", "known"), [(168, True), (169, False)])
def test_the_previous_observation_is_looked_for_within_a_week(gap, known):
    rows = snapshot_of([{"at": 200 - gap}, {"at": 200}])
    for first in (200, 190):
        found = features_of(rows, first, 200).iloc[-1]
        assert found["is_gap"] == 1.0
        assert found["hours_since_previous"] == pytest.approx(gap if known else math.nan, nan_ok=True)


def test_nothing_before_the_lookback_is_read():
    snapshots = random_market(5, length=230)
    early = snapshots["hour"] < at(200 - LOOKBACK)
    assert early.any()
    spoiled = snapshots.assign(change_1h_pct=snapshots["change_1h_pct"].where(~early, 1e9))
    assert same(features_of(spoiled, 200, 210), features_of(snapshots, 200, 210))
    assert same(features_of(snapshots[~early], 200, 210), features_of(snapshots, 200, 210))


@given(choices)
def test_the_lookback_of_the_settings_is_enough(settings):
    snapshots = random_market(6, length=230)
    enough = Settings(features=settings).max_lookback_hours
    assert same(features_of(snapshots, 225, 229, settings, enough), features_of(snapshots, 225, 229, settings, 225))


@given(choices)
def test_the_columns_are_those_of_the_table(settings):
    table = features_table(settings)
    found = table.validate(features_of(random_market(7, length=200), 190, 199, settings))
    assert list(found.columns) == [*table.key, FEATURE_SETTINGS, *describe_features(settings)]
    assert all(describe_features(settings).values())


def test_other_settings_make_another_table():
    ddls = {
        features_table(settings).ddl()
        for settings in (DEFAULT, FeatureSettings(lag_hours=(1, 6)), FeatureSettings(rolling_hours=(6, 25)))
    }
    assert len(ddls) == 3


@pytest.mark.parametrize("rows", [[], [{"at": 100}]])
def test_hours_without_a_row_have_no_features(rows):
    found = features_of(snapshot_of(rows), 150, 160)
    assert found.empty
    features_table(DEFAULT).validate(found)


def test_rows_of_other_settings_are_not_stored(tmp_path):
    found = features_of(random_market(7, length=200), 190, 199, FeatureSettings(min_window_share=0.4))
    warehouse = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
    with pytest.raises(InvalidRows, match=r"feature_settings: must be the settings of features\.yaml"):
        warehouse.write(features_table(DEFAULT), found, hours_at(190, 199))


def test_stored_features_come_back_to_the_last_bit(tmp_path):
    found = features_of(random_market(8, length=230, seen=0.7), 180, 229)
    table, warehouse = features_table(DEFAULT), DuckDBWarehouse(tmp_path / "warehouse.duckdb")
    warehouse.write(table, found, hours_at(180, 229))
    assert same(warehouse.read(table), found.astype({FEATURE_SETTINGS: "str"}))


def test_pandas_says_the_same_of_a_whole_market():
    market = random_market(3, length=400, instruments=20, seen=0.8, slots=range(24), caps=True)
    found, expected = features_of(market, 168, 399), pandas_features(market, hours_at(168, 399), DEFAULT)
    pd.testing.assert_frame_equal(found.drop(columns=FEATURE_SETTINGS), expected, rtol=1e-9, atol=1e-6)


def test_a_large_market_is_shared_among_the_cores_without_a_trace():
    market = random_market(5, length=768, instruments=100, seen=0.9, slots=range(24), caps=True)
    together = features_of(market, 168, 767)
    for first in (168, 500):
        alone = features_of(market, first, first + 99)
        part = together[together["hour"].between(at(first), at(first + 99))].reset_index(drop=True)
        assert same(alone, part)


def test_how_far_back_a_feature_depends_includes_the_column_that_it_is_made_of():
    lookbacks = lookbacks_of(FeatureSettings(lag_hours=[6], rolling_hours=[24]))
    assert lookbacks["slog_volume_24h"] == 0
    assert lookbacks["slog_volume_24h_lag_6h"] == 6
    assert (lookbacks["change_24h_pct"], lookbacks["slog_change_7d_pct"]) == (24, 168)
    assert (lookbacks["change_24h_pct_lag_6h"], lookbacks["change_1h_pct_std_24h"]) == (30, 24)
    assert lookbacks["volatility_7d_pct"] == 168
