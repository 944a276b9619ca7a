"""An unreliable network: what is tried again, how long that waits, and what is an error at once."""

import json
from typing import Any

import pytest

from mlreg_dagster.market.sources.base import RequestRefused, SourceUnavailable
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster_tests.market.sources.asking import PAST_HOUR, Make, ask, bodies
from mlreg_dagster_tests.market.sources.fake_coingecko import FakeCoinGecko, cut_off, hang, status


@pytest.mark.parametrize(
    "fault",
    [status(500), status(503, b"<html>busy</html>"), status(429, Retry_After="0"), cut_off, hang(0.4)],
    ids=["500", "503", "429", "cut off", "timeout"],
)
def test_a_failure_that_passes_is_retried(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone, waits: list[float], fault: Any
) -> None:
    market.faults.extend([fault, fault])
    assert len(ask(coingecko(timeout_s=0.2))) == 4
    assert len(market.requests) == 3
    assert len(waits) == 2
    assert bodies(landing) == [json.dumps(market.listing(1, 4)).encode()]


def test_back_off_grows_and_is_bounded(market: FakeCoinGecko, coingecko: Make, waits: list[float]) -> None:
    market.faults.extend([status(500)] * 7)
    ask(coingecko(attempts=8, max_wait_s=10))
    assert [1 <= waits[0] <= 2, 2 <= waits[1] <= 3, 4 <= waits[2] <= 5] == [True] * 3
    assert max(waits) <= 10
    assert waits[5:] == [10, 10]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry_After": "37"}, 37.0),
        ({"Retry_After": "Fri, 20 Mar 2026 10:21:15 GMT", "Date": "Fri, 20 Mar 2026 10:20:30 GMT"}, 45.0),
        ({"Retry_After": "Fri, 20 Mar 2026 10:20:00 GMT", "Date": "Fri, 20 Mar 2026 10:20:30 GMT"}, 0.0),
    ],
)
def test_retry_after_is_honoured(
    market: FakeCoinGecko, coingecko: Make, waits: list[float], headers: dict[str, str], expected: float
) -> None:
    market.faults.append(status(429, **headers))
    ask(coingecko())
    assert waits == [expected]


def test_a_retry_after_that_makes_no_sense_leaves_it_to_the_back_off(
    market: FakeCoinGecko, coingecko: Make, waits: list[float]
) -> None:
    market.faults.append(status(429, Retry_After="soon"))
    ask(coingecko())
    assert 1 <= waits[0] <= 2


def test_a_longer_wait_than_allowed_is_an_error_at_once(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone, waits: list[float]
) -> None:
    market.faults.append(status(429, Retry_After="3600"))
    with pytest.raises(SourceUnavailable, match=r"HTTP 429.*wait 3600 s, more than coingecko\.max_wait_s .120 s"):
        ask(coingecko())
    assert (len(market.requests), waits, bodies(landing)) == (1, [], [])


def test_attempts_run_out_with_the_last_reason(market: FakeCoinGecko, coingecko: Make) -> None:
    market.faults.extend([status(500)] * 2 + [status(502, b"bad gateway")])
    with pytest.raises(SourceUnavailable, match=r"/coins/markets.*HTTP 502.*bad gateway.*after 3 attempts"):
        ask(coingecko(attempts=3))
    assert len(market.requests) == 3


@pytest.mark.parametrize("code", [400, 401, 403, 404, 302])
def test_a_refusal_is_not_retried(market: FakeCoinGecko, coingecko: Make, waits: list[float], code: int) -> None:
    market.faults.append(status(code, b"no such key"))
    with pytest.raises(RequestRefused, match=rf"/coins/markets.*HTTP {code}.*no such key.*API key"):
        ask(coingecko())
    assert (len(market.requests), waits) == (1, [])


def test_a_server_that_is_not_there(coingecko: Make, waits: list[float]) -> None:
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1:9/.*ConnectError.*after 2 attempts"):
        ask(coingecko(base_url="http://127.0.0.1:9", attempts=2))
    assert len(waits) == 1


def test_requests_keep_their_distance(market: FakeCoinGecko, coingecko: Make, waits: list[float]) -> None:
    source = coingecko(requests_per_minute=30)
    ask(source, PAST_HOUR)
    assert len(market.requests) == 5
    # Nobody really sleeps here, so each request finds itself 2 s further behind.
    assert waits == pytest.approx([2, 4, 6, 8], abs=1.5)
