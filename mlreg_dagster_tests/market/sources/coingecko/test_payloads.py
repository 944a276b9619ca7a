"""What is impossible in one coin is unknown; a listing that is broken as a whole is landed, named and gives nothing."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.core.errors import TransientError
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.sources.base import MalformedPayload, SourceUnavailable
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster_tests.market.sources.clients import LIVE_HOUR, PAST_HOUR, Make, ask, change_coin
from mlreg_dagster_tests.market.sources.coingecko.fake_coingecko import Edit, FakeCoinGecko, status
from mlreg_dagster_tests.market.sources.source_fixtures import LIVE, NOW

NAN, INF = float("nan"), float("inf")


# --- one coin of a listing ---


COLUMNS = {
    "market_cap": "market_cap",
    "total_volume": "volume_24h",
    "price_change_percentage_1h_in_currency": "change_1h_pct",
    "price_change_percentage_24h_in_currency": "change_24h_pct",
    "price_change_percentage_7d_in_currency": "change_7d_pct",
    "ath": "all_time_high",
    "sparkline_in_7d": "volatility_7d_pct",
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("current_price", value) for value in (0, -1.0, NAN, INF, "12.5", True, ..., [])],
        *[("symbol", value) for value in ("", None, 7, "x" * 201)],
        *[("id", value) for value in ("", None, ..., 7)],
    ],
)
def test_a_coin_without_price_or_name_is_left_out_and_counted(
    market: FakeCoinGecko, coingecko: Make, field: str, value: Any
) -> None:
    market.edit_listing = change_coin(1, **{field: value})
    source = coingecko()
    assert ask(source)["instrument_id"].tolist() == ["coin-000", "coin-002", "coin-003"]
    assert source.unknown == {field: 1, "coins without a price": 1}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("market_cap", "1e9"), ("market_cap", -1), ("total_volume", -3), ("total_volume", ...), ("ath", 0),
        ("ath", NAN),
        ("price_change_percentage_24h_in_currency", -130.0), ("price_change_percentage_1h_in_currency", "up"),
        ("price_change_percentage_7d_in_currency", INF), ("sparkline_in_7d", 5), ("sparkline_in_7d", {"prices": []}),
    ],
)  # fmt: skip
def test_an_impossible_value_is_unknown_and_all_else_is_as_it_was(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone, field: str, value: Any
) -> None:
    as_it_was = ask(coingecko()).set_index("instrument_id")
    for path in landing.landed("coingecko", "coins_markets", LIVE):
        path.unlink()
    market.edit_listing = change_coin(2, **{field: value})
    source = coingecko()
    rows = ask(source).set_index("instrument_id")
    assert np.isnan(rows.loc["coin-002", COLUMNS[field]])
    rows.loc["coin-002", COLUMNS[field]] = as_it_was.loc["coin-002", COLUMNS[field]]
    pd.testing.assert_frame_equal(rows, as_it_was)
    assert source.unknown == {field: 1}


def test_a_zero_in_a_sparkline_is_a_gap(market: FakeCoinGecko, coingecko: Make) -> None:
    prices = [1.0, 1.1] * 20 + [0.0] + [1.0, 1.1] * 20
    market.edit_listing = change_coin(1, sparkline_in_7d={"price": prices})
    source = coingecko()
    seen = np.flatnonzero(prices)
    returns = np.diff(np.log(np.array(prices)[seen])) / np.sqrt(np.diff(seen))
    row = ask(source).set_index("instrument_id").loc["coin-001"]
    assert row["volatility_7d_pct"] == pytest.approx(np.std(returns, ddof=1) * 100)
    assert source.unknown == {"sparkline_in_7d.price": 1}


@pytest.mark.parametrize("coin", [None, 7, "coin", []])
def test_what_is_no_coin_is_counted(market: FakeCoinGecko, coingecko: Make, coin: Any) -> None:
    market.edit_listing = lambda coins: [*coins[:3], coin]
    source = coingecko()
    assert len(ask(source)) == 3
    assert source.unknown == {"as a whole": 1, "coins without a price": 1}


def test_an_absurd_date_of_the_high_makes_the_high_of_the_past_unknown(market: FakeCoinGecko, coingecko: Make) -> None:
    market.edit_listing = change_coin(1, ath_date="9999-12-31T00:00:00Z")
    rows = ask(coingecko(), PAST_HOUR).set_index("instrument_id")
    assert rows["all_time_high"].isna().to_dict() == {name: name == "coin-001" for name in market.coins}


def test_a_price_that_is_too_old_is_unknown(market: FakeCoinGecko, coingecko: Make) -> None:
    ends = LIVE + HOUR
    for age, left_out in {"59min": False, "61min": True, "3650D": True, "-1h": False}.items():
        updated = (ends - pd.Timedelta(age)).isoformat()
        market.edit_listing = change_coin(1, last_updated=updated)
        source = coingecko(universe=4, vs_currency=f"c{age}")
        assert ("coin-001" not in set(ask(source)["instrument_id"])) == left_out
        assert source.unknown["prices that are too old"] == left_out
    market.edit_listing = change_coin(1, last_updated=(ends - 3 * HOUR).isoformat())
    assert len(ask(coingecko(max_price_age_minutes=240.0))) == 4
    for unknown in (None, ..., "yesterday", "9999-01-01T00:00:00Z"):
        market.edit_listing = change_coin(1, last_updated=unknown)
        assert len(ask(coingecko(vs_currency=f"c{unknown}"[:9]))) == 4


def test_a_listing_of_old_prices_is_asked_for_again(market: FakeCoinGecko, coingecko: Make) -> None:
    market.edit_listing = lambda coins: [{**coin, "last_updated": "2026-03-20T07:00:00Z"} for coin in coins]
    with pytest.raises(SourceUnavailable, match=r"4 of 4 prices .* more than 60 minutes before its end .*Run it again"):
        ask(coingecko())
    market.edit_listing = lambda coins: coins
    assert len(ask(coingecko(), now=NOW + pd.Timedelta("1min"))) == 4  # the landed one does not count


# --- which coins ---


def test_excluded_coins_are_neither_checked_nor_counted(market: FakeCoinGecko, coingecko: Make) -> None:
    market.coins = [f"coin-{number:03d}" for number in range(10)]
    market.edit_listing = lambda coins: change_coin(0, current_price="x", symbol="")(change_coin(2, ath=-1)(coins))
    source = coingecko(universe=4, exclude=("coin-000", "coin-002", "coin-absent"))
    assert ask(source)["instrument_id"].tolist() == ["coin-001", "coin-003", "coin-004", "coin-005"]
    assert not source.unknown
    market.requests.clear()
    assert len(ask(source, now=NOW + HOUR)) == 4
    assert set(ask(source, PAST_HOUR, NOW + HOUR)["instrument_id"]) == {"coin-001", "coin-003", "coin-004", "coin-005"}
    assert not any("coins/markets" in path for path, *_ in market.requests)


def test_the_universe_is_full_although_excluded_coins_fill_a_page(market: FakeCoinGecko, coingecko: Make) -> None:
    market.coins = [f"coin-{number:03d}" for number in range(300)]
    rows = ask(coingecko(universe=249, exclude=("coin-001", "coin-007")))
    assert rows["instrument_id"].tolist() == [f"coin-{number:03d}" for number in range(251) if number not in (1, 7)]


def test_a_coin_on_two_pages_passes_within_the_universe_and_does_not_matter_beyond(
    market: FakeCoinGecko, coingecko: Make
) -> None:
    market.coins = [f"coin-{number:03d}" for number in range(600)]
    plain = market.listing

    def moved(place: int) -> Callable[[int, int], list[dict[str, Any]]]:
        def listing(page: int, per_page: int) -> list[dict[str, Any]]:
            coins = plain(page, per_page)
            if page == 2:
                coins[place] = plain(1, per_page)[-1]
            return coins

        return listing

    market.listing = moved(0)  # type: ignore[method-assign]
    with pytest.raises(TransientError, match="coin coin-249: field id: listed more than once"):
        ask(coingecko(universe=300))
    market.listing = plain  # type: ignore[method-assign]
    assert len(ask(coingecko(universe=300))) == 300
    market.listing = moved(200)  # type: ignore[method-assign]
    assert len(ask(coingecko(universe=300, vs_currency="eur"))) == 300


# --- listings that are broken as a whole ---


def each(**values: Any) -> Edit:
    """Bad values in three coins of four."""
    return lambda coins: [change_coin(place, **values)(coins) for place in range(3)][-1]


MALFORMED_LISTINGS = {
    "prices as text": (each(current_price="12.5"), "coin coin-000: field current_price: .*number.*'12.5'"),
    "no prices": (each(current_price=...), "coin coin-000: field current_price: Field required"),
    "no sparklines": (each(sparkline_in_7d=...), "field sparkline_in_7d: Field required"),
    "no ids": (each(id=...), "coin number 0: field id: Field required.* number 2"),
    "changes as shares": (each(price_change_percentage_24h_in_currency="1%"), "field price_change_percentage_24h"),
    "numbers for coins": (lambda _: [1, 2, 3], "coin number 0: field as a whole: should be an object"),
    "an object for a list": (lambda _: {"status": {"error_code": 10005}}, "not a valid array.*error_code"),
    "empty list": (lambda _: [], "the list of coins is empty"),
    "HTML": (lambda _: b"<!DOCTYPE html><html>maintenance</html>", "not JSON .*begins with .*DOCTYPE html"),
    "truncated": (lambda coins: json.dumps(coins).encode()[:700], "not JSON .*EOF"),
    "empty body": (lambda _: b"", "not JSON"),
    "not UTF-8": (lambda _: b'[{"id": "\xff\xfe"}]', "not JSON"),
    "deep": (lambda _: b"[" * 100_000, "not JSON"),
}


@pytest.mark.parametrize("case", MALFORMED_LISTINGS)
def test_a_broken_listing_is_landed_named_and_gives_nothing(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone, case: str
) -> None:
    edit, said = MALFORMED_LISTINGS[case]
    market.edit_listing = edit
    with pytest.raises(MalformedPayload, match=said) as caught:
        ask(coingecko())
    (path,) = landing.landed("coingecko", "coins_markets", LIVE)
    assert landing.read(path) == market.answer("/api/v3/coins/markets", {"page": "1", "per_page": "4"})
    assert str(path) in str(caught.value)
    assert f"{market.url}/coins/markets" in str(caught.value)


PASSING = [
    {"status": {"error_code": 429, "error_message": "You've exceeded the Rate Limit."}},
    {"error_code": 429},
    {"error": "too many requests"},
    {"status": {"error_code": 503}},
    {"error": "Service unavailable, please try again later"},
    b"Throttled\n",
    b"<html>Too Many Requests</html>",
]


@pytest.mark.parametrize(
    ("answer", "hour"),
    [*((answer, LIVE_HOUR) for answer in PASSING), (PASSING[0], PAST_HOUR), (PASSING[-1], PAST_HOUR)],
)
def test_a_limit_that_is_sent_as_data_passes(
    market: FakeCoinGecko, coingecko: Make, answer: Any, hour: pd.DatetimeIndex
) -> None:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    if hour is PAST_HOUR:
        ask(coingecko())
    market.faults.append(status(200, body))
    with pytest.raises(SourceUnavailable, match=r"answers with an error: .* Run it again later"):
        ask(coingecko(), hour)
    assert len(ask(coingecko(), hour, NOW + pd.Timedelta("1min"))) == 4
