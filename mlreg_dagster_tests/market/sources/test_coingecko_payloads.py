"""Malformed payloads: each is landed, named, and gives nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from mlreg_dagster.market.sources.base import MalformedPayload
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster_tests.market.sources.asking import PAST_HOUR, Make, ask, change_coin
from mlreg_dagster_tests.market.sources.fake_coingecko import Edit, FakeCoinGecko
from mlreg_dagster_tests.market.sources.worlds import LIVE


def bad(position: int, said: str, **values: Any) -> tuple[Edit, str]:
    """A listing with bad values in one coin, and what the error says of it."""
    return change_coin(position, **values), f"coin coin-00{position}: {said}"


MALFORMED_LISTINGS = {
    "string price": bad(1, "field current_price: .*number.*'12.5'", current_price="12.5"),
    "negative price": bad(1, "field current_price: .*greater than 0", current_price=-1.0),
    "zero price": bad(1, "field current_price: .*greater than 0", current_price=0),
    "NaN price": bad(1, "field current_price: .*found nan", current_price=float("nan")),
    "infinite price": bad(1, "field current_price: .*found inf", current_price=float("inf")),
    "boolean price": bad(1, "field current_price: .*True", current_price=True),
    "no price field": bad(1, "field current_price: Field required", current_price=...),
    "no id": (change_coin(1, id=...), "coin number 1: field id: Field required"),
    "empty symbol": bad(1, "field symbol: .*at least 1 character", symbol=""),
    "negative volume": bad(2, "field total_volume: .*greater than or equal", total_volume=-3),
    "string market cap": bad(2, "field market_cap: .*number", market_cap="1e9"),
    "change below -100 %": bad(
        2,
        "field price_change_percentage_24h_in_currency: .*-100",
        price_change_percentage_24h_in_currency=-130.0,
    ),
    "bad sparkline": bad(
        3, r"field sparkline_in_7d\.price\.1: .*greater than 0", sparkline_in_7d={"price": [1.0, -2.0]}
    ),
    "duplicate": (change_coin(2, id="coin-000"), "coin coin-000: field id: listed more than once"),
    "a coin that is no object": (lambda coins: [*coins[:3], 7], "coin number 3: field as a whole"),
    "an object for a list": (lambda _: {"status": {"error_code": 10005}}, "valid array.*error_code"),
    "empty list": (lambda _: [], "the list of coins is empty"),
    "HTML": (lambda _: b"<!DOCTYPE html><html>maintenance</html>", "not JSON .*begins with .*DOCTYPE html"),
    "truncated": (lambda coins: json.dumps(coins).encode()[:700], "not JSON .*EOF"),
    "empty body": (lambda _: b"", "not JSON"),
    "not UTF-8": (lambda _: b'[{"id": "\xff\xfe"}]', "not JSON"),
}


@pytest.mark.parametrize("case", MALFORMED_LISTINGS)
def test_a_malformed_listing_is_landed_named_and_gives_nothing(
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


def change_point(name: str, value: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def edit(chart: dict[str, Any]) -> dict[str, Any]:
        chart[name][5] = value
        return chart

    return edit


MALFORMED_CHARTS = {
    "string price": (change_point("prices", [1, "2"]), r"field prices\.5\.1: .*number"),
    "negative price": (change_point("prices", [1, -2.0]), r"field prices\.5\.1: .*greater than 0"),
    "NaN price": (change_point("prices", [1, float("nan")]), r"field prices\.5\.1: .*finite"),
    "no value": (change_point("prices", [1]), r"field prices\.5"),
    "string time": (change_point("total_volumes", ["now", 1.0]), r"field total_volumes\.5\.0: .*number"),
    "negative volume": (
        change_point("total_volumes", [1, -1.0]),
        r"field total_volumes\.5\.1: .*greater than",
    ),
    "no market caps": (lambda chart: {**chart, "market_caps": None}, "field market_caps: .*array"),
    "an error for a chart": (lambda _: {"error": "coin not found"}, "field prices: Field required"),
    "HTML": (lambda _: b"<html>", "not JSON"),
}


@pytest.mark.parametrize("case", MALFORMED_CHARTS)
def test_a_malformed_chart_is_landed_named_and_gives_nothing(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone, case: str
) -> None:
    edit, said = MALFORMED_CHARTS[case]
    market.edit_chart = edit
    with pytest.raises(MalformedPayload, match=said) as caught:
        ask(coingecko(), PAST_HOUR)
    (path,) = landing.landed("coingecko", "market_chart_range", PAST_HOUR[0])
    assert landing.about(path)["coin"] == "coin-000"
    assert "coins/coin-000/market_chart/range" in str(caught.value)
    assert str(path) in str(caught.value)
