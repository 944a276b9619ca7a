"""What CoinGecko sends, checked: payload bytes in, typed coins and charts out.

What is impossible in one coin becomes unknown and is counted. A payload is malformed as a whole where it has another
form, or where more than half of it is impossible.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.base import MalformedPayload, SourceError, SourceUnavailable
from mlreg_dagster.market.sources.coingecko.models import Coin, MarketChart, Sparkline
from mlreg_dagster.market.sources.panel import FloatArray, volatility_pct

_POINT = "sparkline_in_7d.price"
_SERIES = ("prices", "market_caps", "total_volumes")
_HOUR_MS = HOUR.total_seconds() * 1000
_SHOWN = 120
_SEARCHED = 2000
_SHOWN_PROBLEMS = 3
_PASSES = ("rate limit", "too many requests", "throttled", "unavailable", "timed out", "timeout", "try again")
_TOO_MANY_REQUESTS, _SERVER_ERRORS = 429, range(500, 600)


class ListingMoved(SourceUnavailable):
    """Ranks moved between the requests of two pages, so a coin is in both and another one in neither."""


def parse_listing(
    body: bytes, where: str, unknown: Counter[str] | None = None, excluded: Collection[str] = ()
) -> list[Coin]:
    """The coins of one page of `/coins/markets`, as many as it has; of some nothing may be known.

    Args:
        body: The bytes as received.
        where: How errors name them.
        unknown: Counts the coins with an impossible value, by field.
        excluded: Ids of coins that are not looked at.

    Raises:
        MalformedPayload: It is not such a page, or a field is impossible in most coins; the message names `where`,
            coin and field.
        SourceUnavailable: It is an error that passes.
    """
    page = _read(body, where)
    if not isinstance(page, list):
        raise _refusal(page, where, "a valid array of coins")
    coins, judged = list[Coin](), 0
    problems: dict[str, list[str]] = {}
    for position, values in enumerate(page):
        name = values.get("id") if isinstance(values, dict) else None
        if isinstance(name, str) and name in excluded:
            coins.append(Coin.unknown(name))
            continue
        coin, wrong = _coin(values)
        coins.append(coin)
        judged += 1
        for field, complaint in wrong.items():
            problems.setdefault(field, []).append(f"coin {name or f'number {position}'}: field {field}: {complaint}")
    for field, each in problems.items():
        if 2 * len(each) > judged and field != _POINT:
            raise MalformedPayload(f"{where}: {_in_short(each)}. Nothing was taken of it.")
    if unknown is not None:
        unknown.update({field: len(each) for field, each in problems.items()})
    return coins


def _coin(values: object) -> tuple[Coin, dict[str, str]]:
    """A coin, without what is impossible; and for each of those fields what is wrong with it."""
    wrong: dict[str, str] = {}
    if not isinstance(values, dict):
        return Coin.unknown(), {"as a whole": f"should be an object (found {repr(values)[:_SHOWN]})"}
    possible = dict(values)
    try:
        return Coin.model_validate_json(to_json(possible)), wrong
    except ValidationError as error:
        problems = error.errors(include_url=False)
    for problem in problems:
        field, *inner = problem["loc"]
        is_point = len(inner) == len(["price", "place"])
        key = _POINT if is_point else str(field)
        wrong.setdefault(key, ".".join(map(str, [*inner, ""])) + _in_words(problem))
        if field in ("id", "symbol"):
            return Coin.unknown(), wrong
        if is_point:
            points = list(possible[str(field)]["price"])
            points[int(inner[1])] = None
            possible[str(field)] = {"price": points}
        else:
            possible[str(field)] = None
    return Coin.model_validate_json(to_json(possible)), wrong


def parse_chart(body: bytes, where: str, unknown: Counter[str] | None = None) -> MarketChart:
    """The history of one coin, without points that are impossible.

    Args:
        body: The bytes as received.
        where: How errors name them.
        unknown: Counts the points that are impossible.

    Raises:
        MalformedPayload: It is not such a history, most of its points are impossible, or they are too far apart for
            hours; the message names `where` and field.
        SourceUnavailable: It is an error that passes.
    """
    chart = _read(body, where)
    if not isinstance(chart, dict) or "prices" not in chart:
        raise _refusal(chart, where, "a valid chart with prices")
    try:
        parsed = MarketChart.model_validate_json(body)
    except ValidationError as error:
        parsed = _without_impossible_points(chart, error, where, unknown)
    times = np.unique([time for time, _ in parsed.prices])
    if len(times) > 1 and (apart := float(np.median(np.diff(times)))) > 1.5 * _HOUR_MS:
        raise MalformedPayload(
            f"{where}: field prices: its points are {apart / _HOUR_MS:.0f} h apart, too coarse for hours. "
            f"CoinGecko sends such charts for ranges that go back further than the plan of the API key allows."
        )
    return parsed


def _without_impossible_points(
    chart: Mapping[str, Any], error: ValidationError, where: str, unknown: Counter[str] | None
) -> MarketChart:
    problems = error.errors(include_url=False)
    bad: dict[str, dict[int, bool]] = {name: {} for name in _SERIES}  # place to whether at least its time is known
    for problem in problems:
        series, *inner = problem["loc"]
        if inner:
            place = int(inner[0])
            bad[str(series)][place] = bad[str(series)].get(place, True) and inner[1:] == [1]
    broken = any(2 * len(bad[name]) > len(chart.get(name) or []) for name in _SERIES if bad[name])
    if broken or any(len(problem["loc"]) == 1 for problem in problems):
        complaints = [f"field {'.'.join(map(str, problem['loc']))}: {_in_words(problem)}" for problem in problems]
        raise MalformedPayload(f"{where}: {_in_short(complaints)}. Nothing was taken of it.") from error
    if unknown is not None:
        unknown["chart points"] += sum(map(len, bad.values()))
    kept = {
        name: [
            [point[0], None] if place in bad[name] else point
            for place, point in enumerate(chart[name])
            if bad[name].get(place, True)
        ]
        for name in _SERIES
    }
    return MarketChart.model_validate_json(to_json(kept))


def refuse_duplicates(coins: Sequence[Coin], where: str) -> None:
    """Check that no coin is listed twice.

    Raises:
        ListingMoved: One is; it passes when the whole listing is asked for again.
    """
    seen: set[str] = set()
    for coin in coins:
        if coin.id and coin.id in seen:
            raise ListingMoved(f"{where}: coin {coin.id}: field id: listed more than once. Run it again.")
        seen.add(coin.id)


def is_older(coin: Coin, limit: pd.Timestamp) -> bool:
    """Whether a coin's price was last updated before `limit`; false where that is not known."""
    return coin.last_updated is not None and pd.Timestamp(coin.last_updated) < limit


def live_rows(coins: Sequence[Coin], hour: pd.Timestamp, observed_at: pd.Timestamp, source: str) -> pd.DataFrame:
    """Snapshot rows of a listing; a coin without a price was not observed and has none."""
    known = (coin for coin in coins if coin.has_a_name and coin.current_price is not None)
    priced = sorted(known, key=lambda coin: coin.id)
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
        last_of[int(np.ceil((time_ms - first_ms) / _HOUR_MS)) - 1] = value
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


def _read(body: bytes, where: str) -> Any:
    try:
        return from_json(body)
    except ValueError as error:
        raise _refusal(body, where, f"JSON ({error})") from error


def _refusal(answer: object, where: str, wanted: str) -> SourceError:
    """The error for an answer that holds no data: transient, or one that stays."""
    text = repr(answer)
    shown = f"it begins with {text[:_SHOWN]}" if isinstance(answer, bytes) else f"found {text[:_SHOWN]}"
    status = answer.get("status", answer) if isinstance(answer, dict) else None
    code = status.get("error_code") if isinstance(status, dict) else None
    passes = code == _TOO_MANY_REQUESTS or code in _SERVER_ERRORS
    if passes or any(sign in text[:_SEARCHED].lower() for sign in _PASSES):
        return SourceUnavailable(f"{where}: it answers with an error: {text[:_SHOWN]}. Run it again later.")
    return MalformedPayload(f"{where}: not {wanted}; {shown}. Nothing was taken of it.")


def _in_words(problem: Mapping[str, Any]) -> str:
    return f"{problem['msg']} (found {repr(problem['input'])[:_SHOWN]})"


def _in_short(complaints: Sequence[str]) -> str:
    more = len(complaints) - _SHOWN_PROBLEMS
    return "; ".join(complaints[:_SHOWN_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
