"""CoinGecko against a real HTTP server: what it asks and lands, and what it makes of the answers."""

import json
import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.sources.base import HourNotAvailable, MalformedPayload, RequestRefused
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster_tests.market.sources import source_fixtures
from mlreg_dagster_tests.market.sources.clients import LIVE_HOUR, PAST_HOUR, Make, ask, bodies, change_coin
from mlreg_dagster_tests.market.sources.coingecko.fake_coingecko import FakeCoinGecko, status
from mlreg_dagster_tests.market.sources.source_fixtures import LIVE, NOW

# --- live ---


def test_live_rows_say_what_the_listing_says(market: FakeCoinGecko, coingecko: Make) -> None:
    rows = ask(coingecko()).set_index("instrument_id")
    for coin in market.listing(1, 4):
        row = rows.loc[coin["id"]]
        assert row["symbol"] == coin["symbol"].upper()
        assert row["price"] == coin["current_price"]
        assert row["market_cap"] == coin["market_cap"]
        assert row["volume_24h"] == coin["total_volume"]
        assert row["change_7d_pct"] == coin["price_change_percentage_7d_in_currency"]
        assert row["all_time_high"] == coin["ath"]
        returns = np.diff(np.log(coin["sparkline_in_7d"]["price"]))
        assert row["volatility_7d_pct"] == pytest.approx(np.std(returns, ddof=1) * 100)


def test_the_listing_is_asked_for_page_by_page_as_documented(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone
) -> None:
    market.coins = [f"coin-{number:03d}" for number in range(900)]
    rows = ask(coingecko(universe=600))
    assert rows["instrument_id"].tolist() == market.coins[:600]
    assert [(path, query["page"], query["per_page"]) for path, query, _ in market.requests] == [
        ("/api/v3/coins/markets", page, "250") for page in ("1", "2", "3")
    ]
    assert market.requests[0][1] == {
        "vs_currency": "usd", "order": "market_cap_desc", "per_page": "250", "page": "1", "sparkline": "true",
        "price_change_percentage": "1h,24h,7d",
    }  # fmt: skip
    assert len(bodies(landing)) == 3


def test_fewer_coins_than_asked_for_end_with_the_last_page(market: FakeCoinGecko, coingecko: Make) -> None:
    assert len(ask(coingecko(universe=500))) == 4
    assert len(market.requests) == 1


def test_what_is_landed_is_what_was_received_with_where_it_came_from(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_API_KEY", "top-secret")
    ask(coingecko(base_url=market.url.replace("http://", "http://me:hidden@")))
    (path,) = landing.landed("coingecko", "coins_markets", LIVE)
    assert landing.read(path) == json.dumps(market.listing(1, 4)).encode()
    about = landing.about(path)
    assert about["url"].startswith(f"{market.url}/coins/markets?vs_currency=usd")
    assert (about["status"], about["received_at"]) == (200, NOW.isoformat())
    assert market.requests[0][2]["x-cg-demo-api-key"] == "top-secret"
    assert "top-secret" not in str(about)
    assert "hidden" not in str(about)


def test_no_key_is_no_header(market: FakeCoinGecko, coingecko: Make) -> None:
    ask(coingecko())
    assert not any("cg" in name.lower() for name in market.requests[0][2])


def test_unknown_stays_unknown_and_a_coin_without_price_is_left_out(
    market: FakeCoinGecko, coingecko: Make, caplog: pytest.LogCaptureFixture
) -> None:
    nothing = dict.fromkeys(
        ["market_cap", "total_volume", "ath", "ath_date", "sparkline_in_7d",
         *(f"price_change_percentage_{span}_in_currency" for span in ("1h", "24h", "7d"))]
    )  # fmt: skip
    market.edit_listing = lambda coins: change_coin(1, current_price=None)(
        change_coin(2, **nothing)(change_coin(3, market_cap=0, sparkline_in_7d={"price": [1.0, 2.0]})(coins))
    )
    with caplog.at_level(logging.WARNING):
        rows = ask(coingecko()).set_index("instrument_id")
    assert list(rows.index) == ["coin-000", "coin-002", "coin-003"]
    assert "coins without a price (1)" in caplog.text
    columns = [
        "market_cap",
        "volume_24h",
        "change_1h_pct",
        "change_24h_pct",
        "change_7d_pct",
        "all_time_high",
    ]
    assert rows.loc["coin-002", [*columns, "volatility_7d_pct"]].isna().all()
    assert np.isnan(rows.loc["coin-003", "market_cap"])  # CoinGecko's 0 means that it does not know
    assert np.isnan(rows.loc["coin-003", "volatility_7d_pct"])


# --- the past ---


def test_a_past_hour_is_its_last_point_with_changes_by_clock_time(market: FakeCoinGecko, coingecko: Make) -> None:
    def cut(chart: dict[str, Any]) -> dict[str, Any]:
        """No points for the hour before, two for the hour itself, the last of them on its very end."""
        hour_ms = PAST_HOUR[0].timestamp() * 1000
        for name, points in chart.items():
            kept = [point for point in points if not hour_ms - 3_600_000 < point[0] <= hour_ms]
            chart[name] = [[hour_ms + 3_600_000, 777.0], *kept]
        return chart

    market.edit_chart = cut
    row = ask(coingecko(), PAST_HOUR).set_index("instrument_id").loc["coin-001"]
    day_before = market.price("coin-001", (PAST_HOUR[0] - 24 * HOUR).timestamp() + 41)
    assert row["price"] == row["volume_24h"] == row["market_cap"] == 777.0
    assert np.isnan(row["change_1h_pct"])
    assert row["change_24h_pct"] == (777.0 / day_before - 1.0) * 100.0
    assert row["volatility_7d_pct"] > 0


def test_a_range_of_the_past_is_one_request_a_coin(market: FakeCoinGecko, coingecko: Make) -> None:
    ask(coingecko(), source_fixtures.hours(LIVE - 200 * HOUR, 150))
    charts = [(path, query) for path, query, _ in market.requests if "market_chart" in path]
    assert [path for path, _ in charts] == [f"/api/v3/coins/{coin}/market_chart/range" for coin in market.coins]
    start, end = LIVE - 368 * HOUR, LIVE - 50 * HOUR
    assert charts[0][1] == {
        "vs_currency": "usd", "from": str(int(start.timestamp())), "to": str(int(end.timestamp()))
    }  # fmt: skip


def test_no_range_goes_back_further_than_hourly_points_do(market: FakeCoinGecko, coingecko: Make) -> None:
    first = (NOW - pd.Timedelta(days=90)).ceil("h")
    source = coingecko()
    rows = ask(source, pd.DatetimeIndex([first, first + 24 * HOUR]))
    assert int(market.requests[-1][1]["from"]) == first.timestamp()
    assert rows["change_24h_pct"].isna().tolist() == [True] * 4 + [False] * 4
    with pytest.raises(HourNotAvailable):
        source.snapshots(pd.DatetimeIndex([first - HOUR]), NOW)


def test_a_high_reached_after_the_hour_is_not_known_in_it(coingecko: Make) -> None:
    reached = pd.Timestamp("2026-03-10T12:30", tz="UTC")
    rows = ask(coingecko(), source_fixtures.hours("2026-03-10T11:00", 3))
    assert rows["all_time_high"].notna().tolist() == [False] * 4 + [True] * 8
    assert (rows.loc[rows["all_time_high"].notna(), "hour"] + HOUR >= reached).all()


def test_ids_are_escaped_in_addresses(market: FakeCoinGecko, coingecko: Make) -> None:
    market.coins[2] = "odd/../id?x=1"
    assert "odd/../id?x=1" in set(ask(coingecko(), PAST_HOUR)["instrument_id"])


def test_the_coins_of_the_past_are_those_of_the_newest_landed_listing(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone
) -> None:
    ask(coingecko())
    market.coins = [*market.coins[::-1], "coin-new"]
    market.requests.clear()
    rows = ask(coingecko(), PAST_HOUR, NOW + HOUR)
    assert len(market.requests) == 4
    assert rows["instrument_id"].tolist() == ["coin-000", "coin-001", "coin-002", "coin-003"]
    assert len(bodies(landing, "market_chart_range", PAST_HOUR[0])) == 4


def test_an_hour_once_seen_live_is_read_from_the_landing_zone(market: FakeCoinGecko, coingecko: Make) -> None:
    live = ask(coingecko())
    market.price_factor = lambda _coin, _time: 5.0
    market.requests.clear()
    for later in (NOW + HOUR, NOW + pd.Timedelta(days=200)):
        source = coingecko()
        assert source.can_ask(LIVE, later)
        pd.testing.assert_frame_equal(ask(source, LIVE_HOUR, later), live, check_exact=True)
    assert market.requests == []


def test_a_listing_that_was_landed_is_not_asked_for_again(market: FakeCoinGecko, coingecko: Make) -> None:
    first = ask(coingecko())
    market.price_factor = lambda _coin, _time: 2.0
    market.requests.clear()
    for again in (NOW, NOW + pd.Timedelta("5min"), NOW + HOUR):  # a retry, or the next run after one that failed
        pd.testing.assert_frame_equal(ask(coingecko(), now=again), first, check_exact=True)
    assert market.requests == []


def test_a_clock_that_was_put_back_brings_no_new_prices_into_an_old_hour(
    market: FakeCoinGecko, coingecko: Make
) -> None:
    before = ask(coingecko())
    market.price_factor = lambda _coin, _time: 2.0
    ask(coingecko(), LIVE_HOUR + HOUR, NOW + HOUR)
    pd.testing.assert_frame_equal(ask(coingecko(), now=NOW), before, check_exact=True)


def test_a_fetch_that_failed_half_way_is_made_anew_and_the_whole_one_counts(
    market: FakeCoinGecko, coingecko: Make
) -> None:
    market.coins = [f"coin-{number:03d}" for number in range(400)]
    market.faults.extend([lambda _: False, status(404)])  # the second page fails
    with pytest.raises(RequestRefused):
        ask(coingecko(universe=300))
    market.edit_listing = lambda coins: coins[0]
    with pytest.raises(MalformedPayload):
        ask(coingecko(universe=300), now=NOW + pd.Timedelta("5min"))
    market.edit_listing = lambda payload: payload
    whole = ask(coingecko(universe=300), now=NOW + pd.Timedelta("10min"))
    assert len(whole) == 300
    pd.testing.assert_frame_equal(ask(coingecko(universe=300), now=NOW + HOUR), whole, check_exact=True)


def test_listings_fetched_at_the_same_time_are_not_mixed_up(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone
) -> None:
    market.coins = [f"coin-{number:03d}" for number in range(6)]
    for page, fetch, factor in ((1, "whole", 3.0), (1, "cut short", 5.0), (2, "whole", 3.0)):
        market.price_factor = lambda _coin, _time, factor=factor: factor
        about = {"fetch": fetch, "page": page, "per_page": 4, "vs_currency": "usd"}
        body = json.dumps(market.listing(page, 4)).encode()
        landing.land("coingecko", "coins_markets", LIVE, body, NOW, about)
    rows = ask(coingecko(universe=6), now=NOW + HOUR)
    market.price_factor = lambda _coin, _time: 3.0
    assert rows["price"].tolist() == [coin["current_price"] for coin in market.listing(1, 6)]


def test_a_listing_landed_in_another_currency_is_another_market(market: FakeCoinGecko, coingecko: Make) -> None:
    ask(coingecko(vs_currency="eur"))
    market.requests.clear()
    ask(coingecko(), now=NOW + HOUR)
    assert market.requests[0][1]["vs_currency"] == "usd"


def test_null_points_of_a_chart_are_unknown(market: FakeCoinGecko, coingecko: Make) -> None:
    def forget(chart: dict[str, Any]) -> dict[str, Any]:
        chart["market_caps"] = [[time, None] for time, _ in chart["market_caps"]]
        chart["total_volumes"] = []
        return chart

    market.edit_chart = forget
    rows = ask(coingecko(), PAST_HOUR)
    assert len(rows) == 4
    assert rows[["market_cap", "volume_24h"]].isna().all(axis=None)


def test_a_coin_without_points_has_no_rows(market: FakeCoinGecko, coingecko: Make) -> None:
    market.edit_chart = lambda chart: {name: [] for name in chart}
    assert ask(coingecko(), PAST_HOUR).empty
