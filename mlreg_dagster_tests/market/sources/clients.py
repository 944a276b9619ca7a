"""Short words for the tests that ask the fake CoinGecko."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.coingecko.source import CoinGecko
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster_tests.market.sources.source_fixtures import LIVE, NOW

Make = Callable[..., CoinGecko]
LIVE_HOUR = pd.DatetimeIndex([LIVE])
PAST_HOUR = pd.DatetimeIndex([LIVE - 30 * HOUR])


def ask(source: CoinGecko, asked: pd.DatetimeIndex = LIVE_HOUR, now: pd.Timestamp = NOW) -> pd.DataFrame:
    return MARKET_SNAPSHOT.validate(source.snapshots(asked, now))


def bodies(landing: LandingZone, kind: str = "coins_markets", hour: pd.Timestamp = LIVE) -> list[bytes]:
    return [landing.read(path) for path in landing.landed("coingecko", kind, hour)]


def change_coin(position: int, **values: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """Replace fields of one coin of the listing; `...` removes a field."""

    def edit(listing: list[dict[str, Any]]) -> list[dict[str, Any]]:
        coin = {**listing[position], **values}
        listing[position] = {key: value for key, value in coin.items() if value is not ...}
        return listing

    return edit
