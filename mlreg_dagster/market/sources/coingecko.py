"""CoinGecko: the hour that has just ended from the live listing, the past 90 days from each coin's chart.

Every answer is landed as received before it is parsed. A whole listing landed for an hour is that hour's snapshot
for ever: asked again, a moment later or after months, the hour is read from the landing zone. So a run that fails
after it has fetched loses nothing, and a clock that was put back writes no new prices into an old hour.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote
from uuid import uuid4

import numpy as np
import pandas as pd
from pydantic import AwareDatetime, BaseModel, ValidationError
from upath import UPath

from mlreg_dagster.config import CoinGeckoSettings
from mlreg_dagster.hours import HOUR, hour_range
from mlreg_dagster.market.sources.base import MalformedPayload, MarketSource, last_ended_hour
from mlreg_dagster.market.sources.coingecko_payloads import (
    Coin,
    by_hour,
    known_market_cap,
    live_rows,
    parse_chart,
    parse_listing,
    refuse_duplicates,
)
from mlreg_dagster.market.sources.http_api import HttpApi, Reply
from mlreg_dagster.market.sources.panel import LOOKBACK_HOURS, Panel, snapshot_rows
from mlreg_dagster.redaction import key_from_environment
from mlreg_dagster.storage.landing import LandingZone, PayloadDamaged

PAST = pd.Timedelta(days=90)  # a range that goes back further is answered with one point a day
_LARGEST_PAGE = 250
_LISTING, _CHART = "coins_markets", "market_chart_range"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Listing:
    coins: list[Coin]
    received_at: pd.Timestamp


class _About(BaseModel):
    """What is noted beside a landed page of the listing."""

    fetch: str
    page: int
    per_page: int
    vs_currency: str
    received_at: AwareDatetime


class CoinGecko(MarketSource):
    """The API of `ingest.yaml`'s `coingecko` block.

    Live rows hold what the listing says. Rows of the past hold, for hour `h`, the last chart point within
    (h, h + 1 h], with changes and volatility from the chart; within the first 7 of the 90 days those that
    look back further are null. `all_time_high` of the past is the listing's where it was reached by the end
    of `h`, else null. The coins of the past are those of the newest landed listing.

    Args:
        settings: Address, key, currency, patience.
        universe: How many coins, by market cap.
        landing: Where every answer is kept.
        sleep: Waits for a number of seconds.
    """

    name = "coingecko"

    def __init__(
        self,
        settings: CoinGeckoSettings,
        universe: int,
        landing: LandingZone,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        key = key_from_environment(settings.api_key_env)
        self._api = HttpApi(
            base_url=settings.base_url,
            headers={settings.api_key_header: key} if key else {},
            timeout_s=settings.timeout_s,
            attempts=settings.attempts,
            max_wait_s=settings.max_wait_s,
            requests_per_minute=settings.requests_per_minute,
            sleep=sleep,
        )
        self._currency = settings.vs_currency
        self._universe = universe
        self._landing = landing

    def span(self, now: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
        """From 90 days ago to the hour that ended last."""
        return (now - PAST).ceil("h"), last_ended_hour(now)

    def can_ask(self, hour: pd.Timestamp, now: pd.Timestamp) -> bool:
        """Within the span; before it, where a live listing of the hour was landed."""
        return super().can_ask(hour, now) or (hour <= last_ended_hour(now) and self._landed_listing(hour) is not None)

    def _rows(self, hours: pd.DatetimeIndex, now: pd.Timestamp) -> pd.DataFrame:
        live = last_ended_hour(now)
        parts, past = [], []
        for hour in hours:
            listing = self._landed_listing(hour)
            if listing is None and hour == live:
                listing = self._fetch_listing(now)
            if listing is None:
                past.append(hour)
            else:
                parts.append(self._live_rows(listing, hour))
        if past:
            parts.append(self._past_rows(pd.DatetimeIndex(past), now))
        return pd.concat(parts).sort_values(["hour", "instrument_id"], ignore_index=True)

    def _live_rows(self, listing: _Listing, hour: pd.Timestamp) -> pd.DataFrame:
        rows = live_rows(listing.coins, hour, listing.received_at, self.name)
        if len(rows) < len(listing.coins):
            _log.warning("%s: %d coins have no price and were left out.", hour, len(listing.coins) - len(rows))
        return rows

    def _past_rows(self, hours: pd.DatetimeIndex, now: pd.Timestamp) -> pd.DataFrame:
        coins = sorted(self._newest_listing(now).coins, key=lambda coin: coin.id)
        window = hour_range(max(hours[0] - LOOKBACK_HOURS * HOUR, self.span(now)[0]), hours[-1])
        price, market_cap, volume, high = (np.full((len(window), len(coins)), np.nan) for _ in range(4))
        for column, coin in enumerate(coins):
            reply = self._api.get(
                f"coins/{quote(coin.id, safe='')}/market_chart/range",
                {
                    "vs_currency": self._currency,
                    "from": int(window[0].timestamp()),
                    "to": int((window[-1] + HOUR).timestamp()),
                },
            )
            chart = parse_chart(reply.body, self._land(_CHART, hours[-1], reply, now, coin=coin.id))
            price[:, column] = by_hour(chart.prices, window)
            market_cap[:, column] = known_market_cap(by_hour(chart.market_caps, window))
            volume[:, column] = by_hour(chart.total_volumes, window)
            if coin.ath is not None and coin.ath_date is not None:
                high[window + HOUR >= pd.Timestamp(coin.ath_date), column] = coin.ath
        panel = Panel(
            hours=window,
            instrument_ids=[coin.id for coin in coins],
            symbols=np.array([coin.symbol.upper() for coin in coins], dtype=object),
            price=price,
            volume_24h=volume,  # a chart's volumes are totals of 24 h already
            market_cap=market_cap,
            all_time_high=high,
        )
        return snapshot_rows(panel, hours, self.name)

    def _fetch_listing(self, now: pd.Timestamp) -> _Listing:
        """The live listing, page by page; each page is landed under the hour that has just ended."""
        per_page = min(self._universe, _LARGEST_PAGE)
        fetch, coins, last_page = uuid4().hex, list[Coin](), False
        where = ""
        while len(coins) < self._universe and not last_page:
            page = len(coins) // per_page + 1
            reply = self._api.get(
                "coins/markets",
                {
                    "vs_currency": self._currency,
                    "order": "market_cap_desc",
                    "per_page": per_page,
                    "page": page,
                    "sparkline": "true",
                    "price_change_percentage": "1h,24h,7d",
                },
            )
            about: dict[str, str | int] = {
                "fetch": fetch,
                "page": page,
                "per_page": per_page,
                "vs_currency": self._currency,
            }
            where = self._land(_LISTING, last_ended_hour(now), reply, now, **about)
            found = parse_listing(reply.body, where)
            coins += found
            last_page = len(found) < per_page
        if not coins:
            raise MalformedPayload(f"{where}: the list of coins is empty.")
        refuse_duplicates(coins, where)
        return _Listing(coins[: self._universe], now)

    def _newest_listing(self, now: pd.Timestamp) -> _Listing:
        for hour in self._landing.hours(self.name, _LISTING):
            listing = self._landed_listing(hour)
            if listing is not None:
                return listing
        return self._fetch_listing(now)

    def _landed_listing(self, hour: pd.Timestamp) -> _Listing | None:
        """The newest whole and well-formed listing landed for an hour."""
        for pages in self._landed_fetches(hour):
            first = pages[0][1]
            try:
                found = [parse_listing(self._landing.read(path), str(path)) for path, _ in pages]
                coins = [coin for page in found for coin in page]
                refuse_duplicates(coins, str(pages[-1][0]))
            except (MalformedPayload, PayloadDamaged) as error:  # an older one may do
                _log.warning("%s: a landed listing is passed over: %s", hour, error)
                continue
            in_order = [about.page for _, about in pages] == list(range(1, len(pages) + 1))
            whole = in_order and (len(coins) >= self._universe or len(found[-1]) < first.per_page)
            if coins and whole and first.vs_currency == self._currency:
                return _Listing(coins[: self._universe], pd.Timestamp(first.received_at).as_unit("us"))
        return None

    def _landed_fetches(self, hour: pd.Timestamp) -> Iterator[list[tuple[UPath, _About]]]:
        """The pages (path, description) of every landed fetch of the listing, newest fetch first."""
        fetches: dict[str, list[tuple[UPath, _About]]] = {}
        for path in self._landing.landed(self.name, _LISTING, hour):
            try:
                about = _About.model_validate(self._landing.about(path))
            except (PayloadDamaged, ValidationError) as error:
                said = str(error).replace("\n", " ")
                _log.warning("%s: the landed page %s is passed over: %s", hour, path.name, said)
                continue
            fetches.setdefault(about.fetch, []).append((path, about))
        yield from reversed(fetches.values())

    def _land(self, kind: str, hour: pd.Timestamp, reply: Reply, now: pd.Timestamp, **about: str | int) -> str:
        """Keep an answer; returns how errors name it."""
        described = {"url": reply.url, "status": reply.status, **about}
        path = self._landing.land(self.name, kind, hour, reply.body, now, described)
        return f"{reply.url} (landed as {path})"
