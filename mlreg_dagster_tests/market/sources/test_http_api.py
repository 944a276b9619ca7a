"""An unreliable network: what is tried again, how long that waits, and what is an error at once."""

import gzip
import json
import logging
import os
import traceback
import tracemalloc
import zlib
from types import SimpleNamespace
from typing import Any

import pytest

from mlreg_dagster.core.untrusted.redaction import UnusableSecret
from mlreg_dagster.core.untrusted.unpacking import LARGEST_PAYLOAD
from mlreg_dagster.market.sources import http_api
from mlreg_dagster.market.sources.base import MalformedPayload, RequestRefused, SourceError, SourceUnavailable
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster_tests.market.sources.clients import PAST_HOUR, Make, ask, bodies
from mlreg_dagster_tests.market.sources.coingecko.fake_coingecko import (
    FakeCoinGecko,
    cut_off,
    drip,
    drip_headers,
    endless,
    hang,
    packed,
    status,
    zeros,
)


@pytest.mark.parametrize(
    "fault",
    [status(500), status(503, b"<html>busy</html>"), status(429, Retry_After="0"), cut_off],
    ids=["500", "503", "429", "cut off"],
)
def test_a_failure_that_passes_is_retried(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone, waits: list[float], fault: Any
) -> None:
    market.faults.extend([fault, fault])
    assert len(ask(coingecko())) == 4
    assert len(market.requests) == 3
    assert len(waits) == 2
    assert bodies(landing) == [json.dumps(market.listing(1, 4)).encode()]


def test_a_server_that_hangs_is_asked_again(market: FakeCoinGecko, coingecko: Make, waits: list[float]) -> None:
    market.faults.append(hang(4.0))
    assert len(ask(coingecko(timeout_s=2.0))) == 4
    assert len(market.requests) == 2
    assert len(waits) == 1


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


def test_a_proxy_that_is_none_is_not_shown(coingecko: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "ftp2://me:proxy-secret@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "elsewhere")
    with pytest.raises(SourceUnavailable, match="HTTP_PROXY") as refused:
        ask(coingecko(attempts=1))
    assert "proxy-secret" not in "".join(traceback.format_exception(refused.value))


def test_requests_keep_their_distance(
    market: FakeCoinGecko, coingecko: Make, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_api, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    source = coingecko(requests_per_minute=30)
    ask(source, PAST_HOUR)
    assert len(market.requests) == 5
    assert waits == [2, 4, 6, 8]  # nobody really sleeps here, so each request finds itself 2 s further behind


# --- a server that means harm ---


@pytest.mark.parametrize("fault", [drip, drip_headers])
def test_a_whole_answer_has_a_deadline(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    monkeypatch.setattr(http_api, "_WHOLE_ANSWER", 0.1)  # a piece comes late on a busy machine, and is not the subject
    market.faults.extend([fault] * 2)
    with pytest.raises(SourceUnavailable, match=r"no whole answer within 0\.6 s.*after 2 attempts"):
        ask(coingecko(timeout_s=6.0, attempts=2))
    assert bodies(landing) == []


@pytest.mark.parametrize("code", [200, 404, 500])
@pytest.mark.parametrize("fault", [endless, lambda code: packed(code, zeros(80 << 20))], ids=["endless", "bomb"])
def test_an_answer_has_a_largest_size(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone, fault: Any, code: int
) -> None:
    market.faults.append(fault(code))
    tracemalloc.start()
    refusals = {
        200: (MalformedPayload, "too large"),
        404: (RequestRefused, "HTTP 404"),
        500: (SourceUnavailable, "500"),
    }
    refusal, said = refusals[code]
    with pytest.raises(refusal, match=said) as refused:
        ask(coingecko(attempts=1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (4 * LARGEST_PAYLOAD if code == 200 else LARGEST_PAYLOAD)
    assert len(str(refused.value)) < 2000
    assert bodies(landing) == []


def test_a_packed_answer_is_unpacked(market: FakeCoinGecko, coingecko: Make, landing: LandingZone) -> None:
    body = json.dumps(market.listing(1, 4)).encode()
    market.faults.append(packed(200, gzip.compress(body)))
    assert len(ask(coingecko())) == 4
    assert bodies(landing) == [body]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"no gzip", "gzip"), (gzip.compress(b"[]" * 99)[:-9], "gzip"), (gzip.compress(b"[]") + b"more", "gzip"),
     (zlib.compress(b"[]"), "deflate"), (b"[]", "br")],
    ids=["no gzip", "cut short", "more after it", "deflate", "br"],
)  # fmt: skip
def test_an_answer_that_can_not_be_unpacked_is_asked_for_again(
    market: FakeCoinGecko, coingecko: Make, landing: LandingZone, body: bytes, encoding: str
) -> None:
    market.faults.append(packed(200, body, encoding))
    assert len(ask(coingecko())) == 4
    assert len(bodies(landing)) == 1


@pytest.mark.parametrize("value", ["9" * 400, "Fri, 20 Mar 2026 10:20:00 +99999999999", "-5", "٣", "nan", "1e9"])
def test_no_retry_after_is_too_odd(market: FakeCoinGecko, coingecko: Make, waits: list[float], value: str) -> None:
    market.faults.append(status(429, Retry_After=value.encode().decode("latin-1")))
    if len(value) > 100:
        with pytest.raises(SourceUnavailable, match="asks to wait"):
            ask(coingecko())
    else:
        assert len(ask(coingecko())) == 4
        assert waits[0] <= 2


# --- the key ---


@pytest.mark.parametrize(
    "key", [" CG-abcdef", "CG-abcdef\n", "CG abcdef", "CG-abc\r\nX: 1", "schlüssel", "a\x00b", "x" * 600]
)
def test_a_key_that_can_not_be_sent_is_refused_by_name(
    market: FakeCoinGecko, coingecko: Make, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "COINGECKO_API_KEY": key})
    with pytest.raises(UnusableSecret, match="COINGECKO_API_KEY holds no usable API key") as refused:
        coingecko()
    assert key.strip() not in str(refused.value)
    assert market.requests == []


@pytest.mark.parametrize("code", [200, 401, 429, 500])
def test_a_server_that_repeats_the_key_does_not_bring_it_out(
    market: FakeCoinGecko,
    coingecko: Make,
    landing: LandingZone,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    code: int,
) -> None:
    monkeypatch.setenv("COINGECKO_API_KEY", "CG-verysecret")
    market.faults.extend([status(code, b'{"error": "key CG-verysecret and hidden-word"}')] * 2)
    url = market.url.replace("http://", "http://me:hidden-word@")
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as refused:
        ask(coingecko(attempts=2, base_url=url))
    told = caplog.text + "".join(traceback.format_exception(refused.value))
    told += "".join(body.decode() for body in bodies(landing))
    assert "HTTP" in told or "***" in told
    for secret in ("verysecret", "hidden-word"):
        assert secret not in told
