"""What is impossible in a chart costs a point or a coin; charts that are all broken are named and give nothing."""

import json
from collections import Counter
from typing import Any

import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.sources.base import MalformedPayload, RequestRefused
from mlreg_dagster.market.sources.coingecko.payloads import parse_chart
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster_tests.market.sources.clients import PAST_HOUR, Make, ask
from mlreg_dagster_tests.market.sources.coingecko.fake_coingecko import Edit, FakeCoinGecko, status
from mlreg_dagster_tests.market.sources.source_fixtures import LIVE, NOW

NAN = float("nan")


def change_point(name: str, value: Any, places: int = 1) -> Edit:
    def edit(chart: dict[str, Any]) -> dict[str, Any]:
        for place in range(places):
            chart[name][5 + place] = value
        return chart

    return edit


@pytest.mark.parametrize("name", ["prices", "market_caps", "total_volumes"])
@pytest.mark.parametrize(
    "value",
    [[1, "2"], [1, -2.0], [1, NAN], [1], 7, None, ["now", 1.0], [None, 1.0], [-1, 1.0], [1e300, 1.0], [1, 2, 3]],
)
def test_an_impossible_point_is_none(name: str, value: Any) -> None:
    market = FakeCoinGecko(NOW, coins=1)
    whole = market.chart("coin-000", int(LIVE.timestamp()) - 9 * 3600, int(LIVE.timestamp()))
    body = json.dumps(change_point(name, value)(json.loads(json.dumps(whole)))).encode()
    unknown = Counter[str]()
    chart = parse_chart(body, "a chart", unknown).model_dump()
    assert unknown == {"chart points": 1}
    is_time_known = isinstance(value, list) and len(value) <= 2 and value[0] == 1
    expected = [point if place != 5 else [1, None] for place, point in enumerate(whole[name])]
    assert [list(point) for point in chart.pop(name)] == (expected if is_time_known else expected[:5] + expected[6:])
    assert all([list(point) for point in points] == whole[other] for other, points in chart.items())


def test_points_that_are_impossible_cost_no_coin(market: FakeCoinGecko, coingecko: Make) -> None:
    market.edit_chart = change_point("prices", [1, -2.0])
    source = coingecko()
    assert len(ask(source, PAST_HOUR)) == 4
    assert source.unknown == {"chart points": 4}


def test_a_price_of_zero_makes_its_hour_unknown(market: FakeCoinGecko, coingecko: Make) -> None:
    def spoil(chart: dict[str, Any]) -> dict[str, Any]:
        ends = (PAST_HOUR[0] + HOUR).timestamp() * 1000
        chart["prices"] = [[time, 0 if ends - 3_600_000 < time <= ends else price] for time, price in chart["prices"]]
        return chart

    market.edit_chart = spoil
    source = coingecko()
    assert ask(source, PAST_HOUR).empty
    assert source.unknown == {"chart points": 4, "coins without a price": 4}
    assert len(ask(source, PAST_HOUR + HOUR)) == 4


def only(coin: str, market: FakeCoinGecko, payload: Any) -> None:
    """Another chart for one coin."""
    plain = market.chart

    def chart(name: str, start_s: int, end_s: int) -> Any:
        return payload if name == coin else plain(name, start_s, end_s)

    market.chart = chart  # type: ignore[method-assign]


BROKEN_CHARTS = {
    "no market caps": {"prices": [], "market_caps": None, "total_volumes": []},
    "an error": {"error": "coin not found"},
    "a list": [],
    "HTML": b"<html>",
    "impossible points": {"prices": [[1, 0], [2, 0], [3, 1.0]], "market_caps": [], "total_volumes": []},
    "days": {"prices": [[day * 86_400_000, 1.0] for day in range(20)], "market_caps": [], "total_volumes": []},
}


@pytest.mark.parametrize("case", BROKEN_CHARTS)
def test_a_coin_whose_chart_is_broken_is_unknown(market: FakeCoinGecko, coingecko: Make, case: str) -> None:
    only("coin-001", market, BROKEN_CHARTS[case])
    source = coingecko()
    assert ask(source, PAST_HOUR)["instrument_id"].tolist() == ["coin-000", "coin-002", "coin-003"]
    assert source.unknown == {"charts": 1, "coins without a price": 1}


def test_a_coin_whose_chart_is_gone_is_unknown(market: FakeCoinGecko, coingecko: Make) -> None:
    ask(coingecko())
    market.faults.append(status(404, b'{"error": "coin not found"}'))
    source = coingecko()
    assert ask(source, PAST_HOUR)["instrument_id"].tolist() == ["coin-001", "coin-002", "coin-003"]
    assert source.unknown == {"charts": 1, "coins without a price": 1}


def test_charts_that_are_all_gone_are_a_wrong_address(market: FakeCoinGecko, coingecko: Make) -> None:
    ask(coingecko())
    market.faults.extend([status(404)] * 4)
    with pytest.raises(RequestRefused, match=r"coins/coin-000/market_chart/range.*404"):
        ask(coingecko(), PAST_HOUR)


def test_a_refused_key_costs_no_coin_but_the_run(market: FakeCoinGecko, coingecko: Make) -> None:
    ask(coingecko())
    market.faults.append(status(401))
    with pytest.raises(RequestRefused, match="401"):
        ask(coingecko(), PAST_HOUR)


MALFORMED_CHARTS = {
    "prices as text": (change_point("prices", [1, "2"], 160), r"field prices\.5\.1: .*number.*; and 157 more"),
    "no market caps": (lambda chart: {**chart, "market_caps": None}, "field market_caps: .*array"),
    "an error for a chart": (lambda _: {"error": "coin not found"}, "not a valid chart.*coin not found"),
    "HTML": (lambda _: b"<html>", "not JSON"),
    "days": (lambda chart: {**chart, "prices": chart["prices"][::24]}, "24 h apart, too coarse for hours"),
}


@pytest.mark.parametrize("case", MALFORMED_CHARTS)
def test_charts_that_are_all_broken_are_landed_named_and_give_nothing(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone, case: str
) -> None:
    edit, said = MALFORMED_CHARTS[case]
    market.edit_chart = edit
    with pytest.raises(MalformedPayload, match=said) as caught:
        ask(coingecko(), PAST_HOUR)
    path = landing.landed("coingecko", "market_chart_range", PAST_HOUR[0])[0]
    assert landing.about(path)["coin"] == "coin-000"
    assert "coins/coin-000/market_chart/range" in str(caught.value)
    assert str(path) in str(caught.value)
