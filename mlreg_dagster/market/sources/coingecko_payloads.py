"""What CoinGecko promises to send, checked: payload bytes in, typed coins and charts out.

Nothing is repaired. A payload that breaks its promise in a field that we use is malformed as a whole.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mlreg_dagster.hours import HOUR
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.base import MalformedPayload
from mlreg_dagster.market.sources.panel import FloatArray, volatility_pct

Text = Annotated[str, Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Change = Annotated[float, Field(ge=-100, allow_inf_nan=False)]

_SHOWN = 120
_SHOWN_PROBLEMS = 3
_Parsed = TypeVar("_Parsed")


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class Sparkline(_Payload):
    """Hourly prices of the last 7 days, oldest first."""

    price: list[Positive | None]


class Coin(_Payload):
    """One coin of `/coins/markets`; a null is "not known"."""

    id: Text
    symbol: Text
    current_price: Positive | None
    market_cap: NotNegative | None
    total_volume: NotNegative | None
    change_1h_pct: Change | None = Field(alias="price_change_percentage_1h_in_currency")
    change_24h_pct: Change | None = Field(alias="price_change_percentage_24h_in_currency")
    change_7d_pct: Change | None = Field(alias="price_change_percentage_7d_in_currency")
    ath: Positive | None
    ath_date: AwareDatetime | None
    sparkline_in_7d: Sparkline | None


class MarketChart(_Payload):
    """`/coins/{id}/market_chart/range`: [milliseconds since 1970, value] pairs."""

    prices: list[tuple[NotNegative, Positive | None]]
    market_caps: list[tuple[NotNegative, NotNegative | None]]
    total_volumes: list[tuple[NotNegative, NotNegative | None]]


_LISTING: TypeAdapter[list[Coin]] = TypeAdapter(list[Coin])
_CHART = TypeAdapter(MarketChart)


def parse_listing(body: bytes, where: str) -> list[Coin]:
    """The coins of one page of `/coins/markets`.

    Raises:
        MalformedPayload: It is not such a page; the message names `where`, coin and field.
    """
    return _parse(_LISTING, body, where)


def parse_chart(body: bytes, where: str) -> MarketChart:
    """The history of one coin.

    Raises:
        MalformedPayload: It is not such a history; the message names `where` and field.
    """
    return _parse(_CHART, body, where)


def refuse_duplicates(coins: Sequence[Coin], where: str) -> None:
    """Check that no coin is listed twice.

    Raises:
        MalformedPayload: One is; between two pages that happens when ranks move while they are fetched.
    """
    seen: set[str] = set()
    for coin in coins:
        if coin.id in seen:
            raise MalformedPayload(f"{where}: coin {coin.id}: field id: listed more than once. Ask again.")
        seen.add(coin.id)


def live_rows(coins: Sequence[Coin], hour: pd.Timestamp, observed_at: pd.Timestamp, source: str) -> pd.DataFrame:
    """Snapshot rows of a listing; a coin without a price was not observed and has none."""
    priced = sorted((coin for coin in coins if coin.current_price is not None), key=lambda coin: coin.id)
    rows = pd.DataFrame(
        {
            "hour": pd.DatetimeIndex([hour] * len(priced), dtype="datetime64[us, UTC]"),
            "instrument_id": pd.array([coin.id for coin in priced], dtype="str"),
            "symbol": pd.array([coin.symbol.upper() for coin in priced], dtype="str"),
            "price": _floats([coin.current_price for coin in priced]),
            "market_cap": known_market_cap(_floats([coin.market_cap for coin in priced])),
            "volume_24h": _floats([coin.total_volume for coin in priced]),
            "change_1h_pct": _floats([coin.change_1h_pct for coin in priced]),
            "change_24h_pct": _floats([coin.change_24h_pct for coin in priced]),
            "change_7d_pct": _floats([coin.change_7d_pct for coin in priced]),
            "all_time_high": _floats([coin.ath for coin in priced]),
            "volatility_7d_pct": _sparkline_volatility([coin.sparkline_in_7d for coin in priced]),
            "observed_at": pd.DatetimeIndex([observed_at] * len(priced), dtype="datetime64[us, UTC]"),
            "source": pd.array([source] * len(priced), dtype="str"),
        }
    )
    return rows[list(MARKET_SNAPSHOT.columns)]


def by_hour(points: Sequence[tuple[float, float | None]], hours: pd.DatetimeIndex) -> FloatArray:
    """The last point within (h, h + 1 h] for every hour; NaN where there is none or it is null."""
    last_of = {}
    first_ms = hours[0].timestamp() * 1000.0
    for time_ms, value in sorted(points, key=lambda point: point[0]):
        last_of[int(np.ceil((time_ms - first_ms) / (HOUR.total_seconds() * 1000.0))) - 1] = value
    return _floats([last_of.get(row) for row in range(len(hours))])


def known_market_cap(market_cap: FloatArray) -> FloatArray:
    """CoinGecko writes a market cap of 0 where it does not know the supply: unknown, not worthless."""
    return np.where(market_cap == 0.0, np.nan, market_cap)


def _sparkline_volatility(sparklines: Sequence[Sparkline | None]) -> FloatArray:
    prices = [sparkline.price if sparkline else [] for sparkline in sparklines]
    length = max(map(len, prices), default=0)
    if length == 0:
        return np.full(len(prices), np.nan)
    panel = np.stack([_floats([None] * (length - len(one)) + one) for one in prices], axis=1)
    volatility: FloatArray = volatility_pct(panel, np.array([length - 1]))[0]
    return volatility


def _floats(values: Sequence[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _parse(adapter: TypeAdapter[_Parsed], body: bytes, where: str) -> _Parsed:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        problems = [_in_words(problem, body) for problem in error.errors(include_url=False)[:_SHOWN_PROBLEMS]]
        more = error.error_count() - len(problems)
        raise MalformedPayload(
            f"{where}: {'; '.join(problems)}{f'; and {more} more' if more else ''}. Nothing was taken of it."
        ) from error


def _in_words(problem: Any, body: bytes) -> str:
    location, found = problem["loc"], repr(problem["input"])[:_SHOWN]
    if problem["type"] == "json_invalid":
        return f"not JSON ({problem['msg']}); it begins with {body[:_SHOWN]!r}"
    if not location:
        return f"{problem['msg']} (found {found})"
    coin = f"coin {_coin_name(body, location[0])}: " if isinstance(location[0], int) else ""
    field = ".".join(str(part) for part in (location[1:] if coin else location))
    return f"{coin}field {field or 'as a whole'}: {problem['msg']} (found {found})"


def _coin_name(body: bytes, position: int) -> str:
    coin = json.loads(body)[position]
    return str(coin["id"]) if isinstance(coin, dict) and coin.get("id") else f"number {position}"
