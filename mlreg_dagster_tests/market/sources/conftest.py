"""The CoinGecko of the tests: a real server on loopback, a real landing zone, no waiting."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlreg_dagster.config import CoinGeckoSettings
from mlreg_dagster.market.sources.coingecko.source import CoinGecko
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster_tests.market.sources.coingecko.fake_coingecko import FakeCoinGecko, serve
from mlreg_dagster_tests.market.sources.source_fixtures import NOW


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCoinGecko]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("COINGECKO_API_KEY", raising=False)
    with serve(FakeCoinGecko(NOW, coins=4)) as running:
        yield running


@pytest.fixture
def landing(tmp_path: Path) -> LandingZone:
    return LandingZone(tmp_path / "landing")


@pytest.fixture
def waits() -> list[float]:
    """Every wait that the source asked for, in seconds."""
    return []


@pytest.fixture
def coingecko(market: FakeCoinGecko, landing: LandingZone, waits: list[float]) -> Callable[..., CoinGecko]:
    """Make a source of the fake market; keyword arguments override its settings."""

    def make(universe: int = 4, **settings: object) -> CoinGecko:
        defaults = {"base_url": market.url, "requests_per_minute": 1e9, "timeout_s": 60.0}
        return CoinGecko(CoinGeckoSettings(**{**defaults, **settings}), universe, landing, sleep=waits.append)

    return make
