"""What every source must do, whatever it is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from mlreg_dagster.config import ArchiveSettings, IngestSettings, SimulatedSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources import make_source
from mlreg_dagster.market.sources.base import HourNotAvailable, MarketSource
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.testing import SourceContract
from mlreg_dagster_tests.market.sources import source_fixtures
from mlreg_dagster_tests.market.sources.coingecko.fake_coingecko import FakeCoinGecko
from mlreg_dagster_tests.market.sources.source_fixtures import LIVE, NOW, OPENING


@dataclass
class World:
    """A source with its market.

    Attributes:
        make: A fresh source of the same market.
        disturb_after: Changes everything that the market says about later than the end of an hour.
        live: Whether the newest hour is seen live.
    """

    make: Callable[[], MarketSource]
    disturb_after: Callable[[pd.Timestamp], None]
    live: bool = False


@pytest.fixture
def simulated(tmp_path: Path) -> World:
    settings = IngestSettings(universe=6, simulated=SimulatedSettings(opens=OPENING, gaps=5, crashes=3, delistings=0.5))

    def ask_later(hour: pd.Timestamp) -> None:
        source = make_source(settings, LandingZone(tmp_path))
        source.snapshots(source_fixtures.hours(hour + HOUR, 24 * 40), hour + 60 * pd.Timedelta(days=1))

    return World(lambda: make_source(settings, LandingZone(tmp_path)), ask_later)


@pytest.fixture
def archive(tmp_path: Path) -> World:
    path = source_fixtures.write(source_fixtures.bars(), tmp_path / "bars.parquet")
    settings = IngestSettings(source="archive", universe=3, archive=ArchiveSettings(path=str(path)))

    def rewrite(hour: pd.Timestamp) -> None:
        bars = source_fixtures.bars()
        kept, later = bars[bars["ts"] <= hour], bars[bars["ts"] > hour].iloc[::2]
        changed = later.assign(close=later["close"] * 7, volume=later["volume"] * 900, symbol="OTHER")
        newcomer = later[later["asset_id"] == "coin0"].assign(asset_id="a-newcomer", volume=1e12)
        source_fixtures.write(pd.concat([kept, changed, newcomer]), path)

    return World(lambda: make_source(settings, LandingZone(tmp_path)), rewrite)


@pytest.fixture
def live(market: FakeCoinGecko, landing: LandingZone) -> World:
    values = {"base_url": market.url, "requests_per_minute": 1e9}
    settings = IngestSettings(source="coingecko", universe=3).override({"coingecko": values})

    def move_market(hour: pd.Timestamp) -> None:
        end = (hour + HOUR).timestamp()
        market.price_factor = lambda _coin, time: 3.0 if time > end else 1.0

    return World(lambda: make_source(settings, landing), move_market, live=True)


@pytest.fixture(params=["simulated", "archive", "live"])
def world(request: pytest.FixtureRequest) -> World:
    return request.getfixturevalue(request.param)


class OfWorld(SourceContract):
    """The suite, on the markets of the fixtures."""

    now = NOW
    hours = source_fixtures.hours("2026-03-18T20:00", 38)

    def make_source(self) -> MarketSource:
        return self.world.make()

    def disturb_after(self, hour: pd.Timestamp) -> None:
        self.world.disturb_after(hour)


class TestSimulated(OfWorld):
    @pytest.fixture(autouse=True)
    def _world(self, simulated: World) -> None:
        self.world = simulated


class TestArchive(OfWorld):
    @pytest.fixture(autouse=True)
    def _world(self, archive: World) -> None:
        self.world = archive


class TestCoinGecko(OfWorld):
    live = True

    @pytest.fixture(autouse=True)
    def _world(self, live: World) -> None:
        self.world = live


def test_the_suite_asks_about_the_newest_hour() -> None:
    assert OfWorld.hours[-1] == LIVE


def test_an_hour_that_has_not_ended_is_refused(world: World) -> None:
    source = world.make()
    assert source.can_ask(LIVE, NOW)
    assert source.can_ask(LIVE, LIVE + HOUR)
    for refused in (LIVE + HOUR, LIVE + 500 * HOUR):
        assert not source.can_ask(refused, NOW)
        with pytest.raises(HourNotAvailable, match="has not ended at 2026-03-20 10:20 UTC"):
            source.snapshots(pd.DatetimeIndex([LIVE, refused]), NOW)
    assert not source.can_ask(LIVE, LIVE + HOUR - pd.Timedelta("1us"))


def test_an_hour_too_long_ago_is_refused_with_what_is_available(world: World) -> None:
    source = world.make()
    ago = OPENING - pd.Timedelta(days=100)
    assert not source.can_ask(ago, NOW)
    with pytest.raises(HourNotAvailable, match=r"can't be asked about .* available are 202\d-"):
        source.snapshots(pd.DatetimeIndex([ago]), NOW)


def test_hours_in_which_nothing_was_observed_have_no_rows(tmp_path: Path) -> None:
    everything_gone = SimulatedSettings(opens=OPENING, delistings=1, crashes=0, pumps=0, gaps=0, volume_shocks=0)
    settings = IngestSettings(universe=1, simulated=everything_gone)
    source = make_source(settings, LandingZone(tmp_path))
    rows = source.snapshots(source_fixtures.hours("2027-03-01", 3), pd.Timestamp("2027-04-01", tz="UTC"))
    assert MARKET_SNAPSHOT.validate(rows).empty


def test_asking_for_nothing_is_a_mistake_of_the_caller(world: World) -> None:
    with pytest.raises(ValueError, match="at least one hour"):
        world.make().snapshots(pd.DatetimeIndex([], tz="UTC"), NOW)


def test_nothing_is_unknown_in_a_sound_market(world: World) -> None:
    source = world.make()
    assert not source.unknown
    source.snapshots(source_fixtures.hours("2026-03-18T20:00", 2), NOW)
    assert not source.unknown
