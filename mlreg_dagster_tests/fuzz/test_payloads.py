"""Whatever CoinGecko sends: rows that fit the table, or a refusal in words."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import CoinGeckoSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.coingecko import payloads
from mlreg_dagster.market.sources.coingecko.source import CoinGecko
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster_tests.fuzz.mutation import mutated, mutated_bytes, to_json
from mlreg_dagster_tests.fuzz.profile import accepted, cases
from mlreg_dagster_tests.market.sources.coingecko.fake_coingecko import FakeCoinGecko

pytestmark = pytest.mark.slow

HOUR_ASKED = as_hour("2026-03-20T09:00")
NOW = HOUR_ASKED + HOUR + pd.Timedelta(minutes=20)
_MARKET = FakeCoinGecko(NOW, coins=3)
LISTING: list[dict[str, Any]] = [
    {**coin, "sparkline_in_7d": {"price": coin["sparkline_in_7d"]["price"][-30:]}} for coin in _MARKET.listing(1, 3)
]
CHART = _MARKET.chart("coin-000", int(NOW.timestamp()) - 5 * 3600, int(NOW.timestamp()))
ABOUT = {"fetch": "f", "page": 1, "per_page": 3, "vs_currency": "usd", "received_at": NOW.isoformat()}

of_listing = mutated(LISTING).map(to_json) | mutated_bytes(to_json(LISTING))
of_chart = mutated(CHART).map(to_json) | mutated_bytes(to_json(CHART))


def _assert_sound(rows: pd.DataFrame) -> None:
    """What the table promises, said once more without it."""
    assert list(rows.columns) == list(MARKET_SNAPSHOT.columns)
    assert not rows.duplicated(["hour", "instrument_id"]).any()
    assert np.isfinite(rows["price"]).all()
    assert (rows["price"] > 0).all()
    for name in rows.select_dtypes("float"):
        assert not np.isinf(rows[name]).any(), name
    assert (rows["volume_24h"].dropna() >= 0).all()


@given(of_listing)
@cases(60, 2500)
def test_listings(body: bytes) -> None:
    def read() -> pd.DataFrame:
        coins = payloads.parse_listing(body, "a listing")
        payloads.refuse_duplicates(coins, "a listing")
        return MARKET_SNAPSHOT.validate(payloads.live_rows(coins, HOUR_ASKED, NOW, "coingecko"))

    rows = accepted("listings", read)
    if rows is not None:
        _assert_sound(rows)


@given(of_chart)
@cases(40, 1500)
def test_charts(body: bytes) -> None:
    hours = hour_range(HOUR_ASKED - 4 * HOUR, HOUR_ASKED)

    def read() -> list[Any]:
        chart = payloads.parse_chart(body, "a chart")
        return [payloads.by_hour(points, hours) for points in (chart.prices, chart.market_caps, chart.total_volumes)]

    for values in accepted("charts", read) or []:
        assert not np.isinf(values).any()


@pytest.fixture(scope="module")
def landing(tmp_path_factory):
    return LandingZone(tmp_path_factory.mktemp("fuzz") / "raw")


@given(st.data())
@cases(20, 600)
def test_landed_listings(landing, data) -> None:
    """Files of the landing zone that were damaged on the disk: passed over, or refused in words."""
    for old in landing.landed("coingecko", "coins_markets", HOUR_ASKED):
        old.unlink()
    body = to_json(LISTING)
    path = landing.land("coingecko", "coins_markets", HOUR_ASKED, body, NOW, ABOUT)
    broken = data.draw(st.sampled_from([path, path.with_suffix(".json")]))
    whole = broken.read_bytes()
    broken.write_bytes(
        data.draw(mutated_bytes(whole) if broken is path else mutated_bytes(whole) | mutated(ABOUT).map(to_json))
    )
    nowhere = CoinGeckoSettings(base_url="http://127.0.0.1:9", attempts=1, timeout_s=1.0)
    source = CoinGecko(nowhere, 3, landing, sleep=lambda _: None)
    rows = accepted("landed listings", lambda: source.snapshots(pd.DatetimeIndex([HOUR_ASKED]), NOW))
    if rows is not None:
        _assert_sound(rows)


@pytest.mark.parametrize("suffix", [".gz", ".json"])
def test_a_listing_without_its_middle_is_no_listing(landing, suffix):
    """One page of three is damaged: the last, short one must not make a whole listing of the other two."""
    hour = HOUR_ASKED - HOUR
    pages = [to_json([coin]) for coin in LISTING[:2]] + [b"[]"]
    paths = [
        landing.land(
            "coingecko", "coins_markets", hour, body, NOW, {**ABOUT, "fetch": suffix, "page": number, "per_page": 1}
        )
        for number, body in enumerate(pages, start=1)
    ]
    nowhere = CoinGeckoSettings(base_url="http://127.0.0.1:9", attempts=1, timeout_s=1.0)
    source = CoinGecko(nowhere, 3, landing, sleep=lambda _: None)
    assert source._listings.landed(hour) is not None
    paths[1].with_suffix(suffix).write_bytes(b"[")
    assert source._listings.landed(hour) is None
