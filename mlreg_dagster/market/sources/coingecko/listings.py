"""Live listings of CoinGecko: asked for page by page, landed, and found again in the landing zone."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pandas as pd
from pydantic import AwareDatetime, BaseModel, ValidationError
from upath import UPath

from mlreg_dagster.config import CoinGeckoSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.sources.base import MalformedPayload, SourceUnavailable, last_ended_hour
from mlreg_dagster.market.sources.coingecko.models import Coin
from mlreg_dagster.market.sources.coingecko.payloads import is_older, parse_listing, refuse_duplicates
from mlreg_dagster.market.sources.http_api import HttpApi, Reply
from mlreg_dagster.storage.landing import LandingZone, PayloadDamaged

SOURCE = "coingecko"
_LISTING = "coins_markets"
_LARGEST_PAGE = 250
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listing:
    """The coins of the universe, by market cap, as they were seen at one time.

    Attributes:
        unknown: How many coins have something impossible, by field.
    """

    coins: list[Coin]
    received_at: pd.Timestamp
    unknown: Counter[str]


class _About(BaseModel):
    """What is noted beside a landed page of the listing."""

    fetch: str
    page: int
    per_page: int
    vs_currency: str
    received_at: AwareDatetime
    wanted: int = 0


def land(
    landing: LandingZone, kind: str, hour: pd.Timestamp, reply: Reply, now: pd.Timestamp, **about: str | int
) -> str:
    """Keep an answer; returns how errors name it."""
    described = {"url": reply.url, "status": reply.status, **about}
    path = landing.land(SOURCE, kind, hour, reply.body, now, described)
    return f"{reply.url} (landed as {path})"


class Listings:
    """The live listings of one currency.

    Args:
        api: Whom to ask.
        settings: Currency, coins to leave out, how old a price may be.
        universe: How many coins, by market cap.
        landing: Where every answer is kept.
    """

    def __init__(self, api: HttpApi, settings: CoinGeckoSettings, universe: int, landing: LandingZone) -> None:
        self._api = api
        self._landing = landing
        self._currency = settings.vs_currency
        self._excluded = frozenset(settings.exclude)
        self._universe = universe
        self._wanted = universe + len(self._excluded)
        self._oldest = pd.Timedelta(minutes=settings.max_price_age_minutes)

    def fetch(self, now: pd.Timestamp) -> Listing:
        """The live listing, page by page; each page is landed under the hour that has just ended.

        Raises:
            MalformedPayload: It is empty, or a page is not what was promised.
            SourceUnavailable: No answer, an error that passes, or ranks that moved between two pages.
        """
        per_page = min(self._wanted, _LARGEST_PAGE)
        fetch, coins, last_page = uuid4().hex, list[Coin](), False
        where, unknown = "", Counter[str]()
        while len(coins) < self._wanted and not last_page:
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
                "wanted": self._wanted,
            }
            where = land(self._landing, _LISTING, last_ended_hour(now), reply, now, **about)
            found = parse_listing(reply.body, where, unknown, self._excluded)
            coins += found
            last_page = len(found) < per_page
        coins = self._chosen(coins)
        if not coins:
            raise MalformedPayload(f"{where}: the list of coins is empty.")
        refuse_duplicates(coins, where)
        return Listing(coins, now, unknown)

    def _chosen(self, coins: list[Coin]) -> list[Coin]:
        """The universe: the first coins that are not excluded."""
        return [coin for coin in coins if coin.id not in self._excluded][: self._universe]

    def newest(self, now: pd.Timestamp) -> Listing:
        """The newest listing that was landed; the live one where there is none."""
        for hour in self._landing.hours(SOURCE, _LISTING):
            listing = self.landed(hour)
            if listing is not None:
                return listing
        return self.fetch(now)

    def landed(self, hour: pd.Timestamp) -> Listing | None:
        """The newest whole, well-formed and current listing landed for an hour."""
        for pages in self._landed_fetches(hour):
            first, unknown = pages[0][1], Counter[str]()
            try:
                found = [
                    parse_listing(self._landing.read(path), str(path), unknown, self._excluded) for path, _ in pages
                ]
                coins = [coin for page in found for coin in page]
                listing = Listing(self._chosen(coins), pd.Timestamp(first.received_at).as_unit("us"), unknown)
                refuse_duplicates(listing.coins, str(pages[-1][0]))
                self.require_current(listing, hour)
            except (MalformedPayload, PayloadDamaged, SourceUnavailable) as error:  # an older one may do
                _log.warning("%s: a landed listing is passed over: %s", hour, error)
                continue
            in_order = [about.page for _, about in pages] == list(range(1, len(pages) + 1))
            wanted = max(first.wanted, self._universe)
            whole = in_order and (len(coins) >= wanted or len(found[-1]) < first.per_page)
            if listing.coins and whole and first.vs_currency == self._currency:
                return listing
        return None

    def _landed_fetches(self, hour: pd.Timestamp) -> Iterator[list[tuple[UPath, _About]]]:
        """The pages (path, description) of every landed fetch of the listing, newest fetch first."""
        fetches: dict[str, list[tuple[UPath, _About]]] = {}
        for path in self._landing.landed(SOURCE, _LISTING, hour):
            try:
                about = _About.model_validate(self._landing.about(path))
            except (PayloadDamaged, ValidationError) as error:
                reason = str(error).replace("\n", " ")
                _log.warning("%s: the landed page %s is passed over: %s", hour, path.name, reason)
                continue
            fetches.setdefault(about.fetch, []).append((path, about))
        yield from reversed(fetches.values())

    def too_old(self, listing: Listing, hour: pd.Timestamp) -> list[Coin]:
        """The coins whose price is not one of the hour."""
        limit = hour + HOUR - self._oldest
        return [coin for coin in listing.coins if coin.current_price is not None and is_older(coin, limit)]

    def require_current(self, listing: Listing, hour: pd.Timestamp) -> None:
        """Refuse a listing that shows another hour.

        Raises:
            SourceUnavailable: Most of its prices are too old.
        """
        old = self.too_old(listing, hour)
        if 2 * len(old) > len(listing.coins):
            raise SourceUnavailable(
                f"{SOURCE}: {len(old)} of {len(listing.coins)} prices for {hour} were last updated more than "
                f"{self._oldest / pd.Timedelta(minutes=1):g} minutes before its end (coingecko.max_price_age_minutes), "
                f"{old[0].id} at {old[0].last_updated}. Run it again later."
            )
