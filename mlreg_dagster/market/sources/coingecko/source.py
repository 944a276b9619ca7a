"""CoinGecko: the hour that has just ended from the live listing, the past 90 days from each coin's chart.

Every answer is landed as received before it is parsed. A whole listing landed for an hour is that hour's snapshot
for ever: asked again, a moment later or after months, the hour is read from the landing zone. So a run that fails
after it has fetched loses nothing, and a clock that was put back writes no new prices into an old hour.
"""

import logging
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote

import numpy as np
import pandas as pd

from mlreg_dagster.config import CoinGeckoSettings
from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.core.untrusted.redaction import key_from_environment
from mlreg_dagster.market.sources.base import MalformedPayload, MarketSource, NotThere, SourceError, last_ended_hour
from mlreg_dagster.market.sources.coingecko.listings import SOURCE, Listing, Listings, land
from mlreg_dagster.market.sources.coingecko.models import Coin, MarketChart
from mlreg_dagster.market.sources.coingecko.payloads import by_hour, known_market_cap, live_rows, parse_chart
from mlreg_dagster.market.sources.http_api import HttpApi
from mlreg_dagster.market.sources.panel import LOOKBACK_HOURS, Panel, snapshot_rows
from mlreg_dagster.storage.landing import LandingZone

PAST = pd.Timedelta(days=90)  # a range that goes back further is answered with one point a day
_CHART = "market_chart_range"
_PRICELESS = "coins without a price"
_log = logging.getLogger(__name__)


class CoinGecko(MarketSource):
    """The API of `ingest.yaml`'s `coingecko` block.

    Live rows hold what the listing says. Rows of the past hold, for hour `h`, the last chart point within
    (h, h + 1 h], with changes and volatility from the chart; within the first 7 of the 90 days those that
    look back further are null. `all_time_high` of the past is the listing's where it was reached by the end
    of `h`, else null. The coins of the past are those of the newest landed listing.

    A coin of which something is impossible, too old or gone has null there, or no row where that is its price or its
    name; `unknown` counts them.

    Args:
        settings: Address, key, currency, patience.
        universe: How many coins, by market cap.
        landing: Where every answer is kept.
        sleep: Waits for a number of seconds.
    """

    name = SOURCE

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
        self._landing = landing
        self._listings = Listings(self._api, settings, universe, landing)

    def span(self, now: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
        """From 90 days ago to the hour that ended last."""
        return (now - PAST).ceil("h"), last_ended_hour(now)

    def can_ask(self, hour: pd.Timestamp, now: pd.Timestamp) -> bool:
        """Within the span; before it, where a live listing of the hour was landed."""
        return super().can_ask(hour, now) or (hour <= last_ended_hour(now) and self._listings.landed(hour) is not None)

    def _rows(self, hours: pd.DatetimeIndex, now: pd.Timestamp) -> pd.DataFrame:
        live = last_ended_hour(now)
        parts, past = [], []
        for hour in hours:
            listing = self._listings.landed(hour)
            if listing is None and hour == live:
                listing = self._listings.fetch(now)
                self._listings.require_current(listing, hour)
            if listing is None:
                past.append(hour)
            else:
                parts.append(self._live_rows(listing, hour))
        if past:
            parts.append(self._past_rows(pd.DatetimeIndex(past), now))
        if self.unknown:
            left_out = ", ".join(f"{what} ({count})" for what, count in sorted(self.unknown.items()))
            _log.warning("%s to %s: unknown and left out: %s.", hours[0], hours[-1], left_out)
        return pd.concat(parts).sort_values(["hour", "instrument_id"], ignore_index=True)

    def _live_rows(self, listing: Listing, hour: pd.Timestamp) -> pd.DataFrame:
        old = {coin.id for coin in self._listings.too_old(listing, hour)}
        current = [coin for coin in listing.coins if coin.id not in old]
        rows = live_rows(current, hour, listing.received_at, self.name)
        self._count(
            {**listing.unknown, "prices that are too old": len(old), _PRICELESS: len(listing.coins) - len(rows)}
        )
        return rows

    def _count(self, found: Mapping[str, int]) -> None:
        self.unknown.update({what: count for what, count in found.items() if count})

    def _past_rows(self, hours: pd.DatetimeIndex, now: pd.Timestamp) -> pd.DataFrame:
        coins = sorted((coin for coin in self._listings.newest(now).coins if coin.has_a_name), key=lambda coin: coin.id)
        window = hour_range(max(hours[0] - LOOKBACK_HOURS * HOUR, self.span(now)[0]), hours[-1])
        price, market_cap, volume, high = (np.full((len(window), len(coins)), np.nan) for _ in range(4))
        failed: list[SourceError] = []
        for column, coin in enumerate(coins):
            try:
                chart = self._chart(coin, window, hours, now)
            except (MalformedPayload, NotThere) as error:
                failed.append(error)
                if 2 * len(failed) > len(coins):
                    raise failed[0] from error
                _log.warning("The chart of %s is passed over: %s", coin.id, error)
                continue
            price[:, column] = by_hour(chart.prices, window)
            market_cap[:, column] = known_market_cap(by_hour(chart.market_caps, window))
            volume[:, column] = by_hour(chart.total_volumes, window)
            if coin.ath is not None and coin.ath_date is not None:
                high[window + HOUR >= pd.Timestamp(coin.ath_date), column] = coin.ath
        priced = ~np.isnan(price[window.isin(hours)]).all(axis=0)
        self._count({"charts": len(failed), _PRICELESS: int((~priced).sum())})
        panel = Panel(
            hours=window,
            instrument_ids=[coin.id for coin in coins],
            symbols=np.array([coin.symbol.upper() for coin in coins], dtype=object),
            price=price,
            volume_24h=volume,  # a chart's volumes are totals of 24 h already
            market_cap=market_cap,
            all_time_high=high,
        )
        return snapshot_rows(panel, hours, self.name, self.unknown)

    def _chart(self, coin: Coin, window: pd.DatetimeIndex, hours: pd.DatetimeIndex, now: pd.Timestamp) -> MarketChart:
        reply = self._api.get(
            f"coins/{quote(coin.id, safe='')}/market_chart/range",
            {
                "vs_currency": self._currency,
                "from": int(window[0].timestamp()),
                "to": int((window[-1] + HOUR).timestamp()),
            },
        )
        where = land(self._landing, _CHART, hours[-1], reply, now, coin=coin.id)
        return parse_chart(reply.body, where, self.unknown)
