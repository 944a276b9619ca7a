"""The derived columns against a slow oracle that thinks in clock times only."""

import math
import time
from collections import Counter
from itertools import pairwise
from statistics import stdev

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.panel import Panel, running_high, snapshot_rows, trailing_24h
from mlreg_dagster_tests.market.sources import source_fixtures

OPTIONAL = ["volume_24h", "change_1h_pct", "change_24h_pct", "change_7d_pct", "volatility_7d_pct"]


def make_panel(price: np.ndarray, volume: np.ndarray, before: np.ndarray | None = None) -> Panel:
    instruments = price.shape[1]
    return Panel(
        hours=source_fixtures.hours("2026-01-01", len(price)),
        instrument_ids=[f"i{number:03d}" for number in range(instruments)],
        symbols=np.array([f"S{number}" for number in range(instruments)], dtype=object),
        price=price,
        volume_24h=trailing_24h(volume),
        market_cap=np.full(price.shape, np.nan),
        all_time_high=running_high(price, np.full(instruments, np.nan) if before is None else before),
    )


def random_panel(seed: int, length: int, instruments: int, missing: float) -> Panel:
    rng = np.random.default_rng(seed)
    price = np.exp(rng.normal(0, 0.02, (length, instruments)).cumsum(axis=0))
    price[rng.random(price.shape) < missing] = np.nan
    volume = rng.uniform(0, 9, price.shape)
    volume[rng.random(price.shape) < missing] = np.nan
    for column in range(instruments):  # silences longer than a day and than a week
        start, width = rng.integers(length), rng.integers(1, 200)
        price[start : start + width, column] = volume[start : start + width, column] = np.nan
    before = np.where(rng.random(instruments) < 0.5, rng.uniform(0.5, 2, instruments), np.nan)
    panel = make_panel(price, volume, before)
    panel.__dict__["raw"] = (volume, before)
    return panel


def oracle(panel: Panel) -> pd.DataFrame:
    """Every row from dictionaries of clock time (hours since 1970) to value."""
    volume, before = panel.__dict__["raw"]
    clock = [int(hour.timestamp()) // 3600 for hour in panel.hours]
    rows = []
    for column, instrument in enumerate(panel.instrument_ids):
        prices = {t: p for t, p in zip(clock, panel.price[:, column].tolist(), strict=True) if not math.isnan(p)}
        traded = {t: v for t, v in zip(clock, volume[:, column].tolist(), strict=True) if not math.isnan(v)}
        observed = list(prices)  # pairs of consecutive observations, by the clock
        returns = {(s, t): math.log(prices[t] / prices[s]) / math.sqrt(t - s) for s, t in pairwise(observed)}
        high_before = [high for high in before[column : column + 1] if not math.isnan(high)]
        for hour, price in prices.items():
            day = [v for t, v in traded.items() if hour - 24 < t <= hour]
            week = {(s, t): r for (s, t), r in returns.items() if hour - 168 <= s and t <= hour}
            is_enough = len(week) >= 12 and sum(t - s for s, t in week) >= 24
            changes = {
                name: (price / prices[hour - lag] - 1) * 100 if hour - lag in prices else math.nan
                for name, lag in (("change_1h_pct", 1), ("change_24h_pct", 24), ("change_7d_pct", 168))
            }
            rows.append(
                {
                    "hour": pd.Timestamp(hour * 3600, unit="s", tz="UTC"),
                    "instrument_id": instrument,
                    "price": price,
                    **changes,
                    "volume_24h": sum(day) if day else math.nan,
                    "volatility_7d_pct": stdev(week.values()) * 100 if is_enough else math.nan,
                    "all_time_high": max([p for t, p in prices.items() if t <= hour] + high_before),
                }
            )
    return pd.DataFrame(rows).sort_values(["hour", "instrument_id"], ignore_index=True)


@given(seed=st.integers(0, 10**6), length=st.integers(1, 300), missing=st.sampled_from([0.0, 0.1, 0.6, 0.97]))
def test_derived_columns_match_a_clock_time_oracle(seed: int, length: int, missing: float) -> None:
    panel = random_panel(seed, length, 2, missing)
    rows = MARKET_SNAPSHOT.validate(snapshot_rows(panel, panel.hours, "test"))
    expected = oracle(panel) if len(rows) else rows
    for name in [*OPTIONAL, "price", "all_time_high", "hour", "instrument_id"]:
        pd.testing.assert_series_equal(
            rows[name], expected[name], check_dtype=False, rtol=1e-9, atol=1e-9, check_exact=False
        )


@given(seed=st.integers(0, 10**6), data=st.data())
def test_any_choice_of_hours_gives_the_same_bits(seed: int, data: st.DataObject) -> None:
    panel = random_panel(seed, 300, 4, 0.2)
    whole = snapshot_rows(panel, panel.hours, "test")
    chosen = sorted(data.draw(st.sets(st.integers(0, 299), min_size=1, max_size=12)))
    some = snapshot_rows(panel, panel.hours[chosen], "test")
    expected = whole[whole["hour"].isin(panel.hours[chosen])].reset_index(drop=True)
    pd.testing.assert_frame_equal(some, expected, check_exact=True)


@given(seed=st.integers(0, 10**6), cut=st.integers(168, 299))
def test_a_panel_that_ends_earlier_or_holds_fewer_instruments_gives_the_same_bits(seed: int, cut: int) -> None:
    panel = random_panel(seed, 300, 5, 0.2)
    volume, before = panel.__dict__["raw"]
    whole = snapshot_rows(panel, panel.hours[: cut + 1], "test")
    short = make_panel(panel.price[: cut + 1, :2].copy(), volume[: cut + 1, :2].copy(), before[:2])
    rows = snapshot_rows(short, short.hours, "test")
    expected = whole[whole["instrument_id"] < "i002"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, expected, check_exact=True)


def test_a_gap_leaves_changes_null_instead_of_reaching_further_back() -> None:
    price = np.full((200, 1), 50.0)
    price[198] = np.nan  # the hour before the last
    price[199 - 24] = np.nan
    last = snapshot_rows(make_panel(price, price), source_fixtures.hours("2026-01-01", 200)[-1:], "test").iloc[0]
    assert np.isnan(last["change_1h_pct"])
    assert np.isnan(last["change_24h_pct"])
    assert last["change_7d_pct"] == 0.0
    assert last["volatility_7d_pct"] == 0.0


def volatilities(price: np.ndarray) -> np.ndarray:
    """Of the only instrument, at each hour; NaN where it was not observed or too little of it."""
    hours = source_fixtures.hours("2026-01-01", len(price))
    rows = snapshot_rows(make_panel(price[:, np.newaxis], np.ones((len(price), 1))), hours, "test")
    return rows.set_index("hour")["volatility_7d_pct"].reindex(hours).to_numpy()


def walk(length: int, seed: int = 0) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(0, 0.02, length).cumsum())


def test_without_gaps_volatility_is_the_deviation_of_hourly_returns_from_the_24th_on() -> None:
    price = walk(300)
    found = volatilities(price)
    returns = np.diff(np.log(price))
    assert np.isnan(found[:24]).all()
    expected = [np.std(returns[max(0, hour - 168) : hour], ddof=1) * 100 for hour in range(24, 300)]
    np.testing.assert_allclose(found[24:], expected, rtol=1e-12)


@pytest.mark.parametrize(
    "open_hours",
    [
        [hour for hour in range(0, 8400) if hour % 2 == 0],
        [hour for hour in range(0, 8400) if hour % 24 in (2, 3, 4, 6, 7) and hour // 24 % 7 < 5],
    ],
    ids=["every other hour", "a market that is open five hours on five days"],
)
def test_where_hours_are_missing_volatility_is_on_the_same_scale(open_hours: list[int]) -> None:
    price, seen = walk(8400), np.zeros(8400, dtype=bool)
    seen[open_hours] = True
    found = volatilities(np.where(seen, price, np.nan))[400:]
    assert np.isnan(found).sum() == (~seen[400:]).sum()  # known wherever there is a price
    assert 1.9 < np.nanmean(found) < 2.1  # % an hour, as it was made


def test_too_few_returns_or_hours_give_no_volatility() -> None:
    week_of_days = np.where(np.arange(400) % 24 == 0, walk(400), np.nan)
    assert np.isnan(volatilities(week_of_days)).all()  # seven returns a week
    lone_half_day = np.where(np.arange(200) < 20, walk(200), np.nan)
    assert np.isnan(volatilities(lone_half_day)).all()  # nineteen returns of nineteen hours
    half_day_after_a_night = np.where((np.arange(200) >= 10) | (np.arange(200) == 0), walk(200), np.nan)
    assert np.flatnonzero(~np.isnan(volatilities(half_day_after_a_night)))[0] == 24


@given(seed=st.integers(0, 10**6), missing=st.sampled_from([0.1, 0.6, 0.9]), hour=st.integers(168, 299))
def test_prices_before_the_week_and_after_the_hour_change_no_volatility(seed: int, missing: float, hour: int) -> None:
    panel = random_panel(seed, 300, 3, missing)
    price = panel.price.copy()
    price[: hour - 168] *= 3.0
    price[: hour - 168 : 2] = np.nan
    price[hour + 1 :] = 7.0
    hours = panel.hours[hour : hour + 1]
    before, after = (snapshot_rows(each, hours, "test") for each in (panel, make_panel(price, np.ones(price.shape))))
    pd.testing.assert_series_equal(after["volatility_7d_pct"], before["volatility_7d_pct"], check_exact=True)


def test_unknown_volume_is_null_and_no_volume_is_zero() -> None:
    price, volume = np.ones((30, 2)), np.full((30, 2), np.nan)
    volume[3, 1] = 0.0
    rows = snapshot_rows(make_panel(price, volume), source_fixtures.hours("2026-01-01", 30), "test")
    known = rows[rows["volume_24h"].notna()]
    assert set(known["instrument_id"]) == {"i001"}
    assert known["volume_24h"].tolist() == [0.0] * 24
    assert known["hour"].iloc[0] == source_fixtures.hours("2026-01-01T03", 1)[0]


def test_values_too_large_for_a_number_are_unknown_and_counted() -> None:
    price = 100 * np.exp(np.random.default_rng(0).normal(size=(70, 2)) / 50)
    price[40, 1] = 1e-308
    volume = np.ones((70, 2))
    volume[[42, 43], 1] = 1e308
    panel, unknown = make_panel(price, volume), Counter[str]()
    rows = MARKET_SNAPSHOT.validate(snapshot_rows(panel, panel.hours, "test", unknown))
    odd = rows[rows["instrument_id"] == "i001"].reset_index(drop=True)
    assert np.flatnonzero(odd["change_1h_pct"].isna()).tolist() == [0, 41]
    assert np.flatnonzero(odd["change_24h_pct"].isna()).tolist() == [*range(24), 64]
    assert np.flatnonzero(odd["volume_24h"].isna()).tolist() == list(range(43, 42 + 24))
    assert odd["volatility_7d_pct"].notna().tolist() == [False] * 24 + [True] * 46
    assert unknown == {"change_1h_pct, too large": 1, "change_24h_pct, too large": 1, "volume_24h, too large": 23}
    other = rows[rows["instrument_id"] == "i000"].reset_index(drop=True)
    alone = make_panel(price[:, :1], volume[:, :1])
    pd.testing.assert_frame_equal(other, snapshot_rows(alone, panel.hours, "test"), check_exact=True)


def test_an_hour_outside_the_panel_is_a_mistake_of_the_caller() -> None:
    panel = make_panel(np.ones((5, 1)), np.ones((5, 1)))
    with pytest.raises(ValueError, match="does not hold the hour 2026-01-01 05:00"):
        snapshot_rows(panel, source_fixtures.hours("2026-01-01", 6), "test")


def test_rows_come_sorted_whatever_the_order_of_the_columns() -> None:
    panel = make_panel(np.array([[1.0, 2.0]]), np.ones((1, 2)))
    backwards = Panel(**{**panel.__dict__, "instrument_ids": ["sim-1000", "sim-101"][::-1]})
    rows = snapshot_rows(backwards, panel.hours, "test")
    assert rows["instrument_id"].tolist() == ["sim-1000", "sim-101"]
    assert rows["price"].tolist() == [2.0, 1.0]


def test_a_quarter_of_a_year_of_250_instruments_takes_a_few_seconds() -> None:
    panel = random_panel(1, 2190, 250, 0.05)
    start = time.process_time()
    assert len(snapshot_rows(panel, panel.hours, "test")) > 400_000
    assert time.process_time() - start < 5
