"""Simulated panels in which it is known when the market changes, and their statistics by day.

Used by `benchmarks/drift.py` at full size and by tests at a small one. Returns have heavy tails (t with 5 degrees of
freedom) and a common part; log-volatility is a sum of first-order autoregressions with half-lives of 36 h, 15 d
(common) and 4 d (own); volume and volatility have a daily and a weekly rhythm. Volume is traded in units times price.
The features are the package's own.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.features.features import families_of, features_of, fill_columns
from mlreg_dagster.monitoring.drift.features import takes_part
from mlreg_dagster.monitoring.sketches.bins import Bins, count_by, cut

Grid = NDArray[np.float64]
"""Hours down, instruments across."""

START = as_hour("2024-01-01")  # a Monday
SETTINGS = FeatureSettings()
FAMILIES = families_of(SETTINGS)
NAMES = takes_part(FAMILIES)
LOOKBACK = 7
TRAINING = 7

_TAIL, _COMMON = 5, 0.3
_CHUNK = 30  # days at a time


@dataclass(frozen=True)
class Change:
    """What is planted.

    Attributes:
        kind: nothing, volatility, volume, correlation, nulls or frozen.
        factor: Of the volatility or the volume; the new common share; the share of the instruments.
        hours: How long it lasts; None: for ever.
        over: Days over which it grows.
    """

    kind: str = "nothing"
    factor: float = 1.0
    hours: int | None = None
    over: int = 0


@dataclass(frozen=True)
class World:
    """How a market is made.

    Attributes:
        instruments: How many.
        history: Days before the first one that is judged.
        days: Days that are judged.
        clusters: The standard deviations of the parts of log-volatility; zeros: rhythm alone.
    """

    instruments: int = 100
    history: int = 120
    days: int = 365
    clusters: tuple[float, float, float] = field(default=(0.20, 0.20, 0.25))


@dataclass(frozen=True)
class Panel:
    """A market: price and what was traded, from LOOKBACK days before the first day on."""

    hours: pd.DatetimeIndex
    price: Grid
    traded: Grid
    supply: Grid


def panel(world: World, seed: int, change: Change | None = None) -> Panel:
    """A market in which something changes at the end of its history."""
    change = change or Change()
    number, width = 24 * (LOOKBACK + world.history + world.days), world.instruments
    rng = np.random.default_rng([seed, 15])
    fast, slow, own = world.clusters
    own_base, liquidity = rng.normal(0, 0.3, width), rng.normal(0, 1.5, width)
    supply = np.exp(rng.normal(16, 1.5, width))
    log_volatility = (
        _autoregression(rng, number, 1, 36, fast)
        + _autoregression(rng, number, 1, 360, slow)
        + _autoregression(rng, number, width, 96, own)
    )
    clock = np.arange(number)
    daily, weekend = np.cos(2 * np.pi * (clock % 24 - 15) / 24), (clock // 24 % 7 >= 5).astype(float)
    rhythm = 0.25 * daily - 0.3 * weekend
    start = 24 * (LOOKBACK + world.history)
    volatility = 0.008 * np.exp(own_base + log_volatility + 0.5 * rhythm[:, None])
    common, alone = (_heavy_tailed(rng, number, columns) for columns in (1, width))
    share = np.full(number, _COMMON)
    noise = _autoregression(rng, number, width, 6, 0.35) + _autoregression(rng, number, 1, 48, 0.10)
    log_traded = liquidity + 10 + rhythm[:, None] + 0.5 * log_volatility + noise
    level = _shape(change, number, start)
    if change.kind == "volatility":
        volatility *= (1 + (change.factor - 1) * level)[:, None]
    elif change.kind == "volume":
        log_traded += np.log1p((change.factor - 1) * level)[:, None]
    elif change.kind == "correlation":
        share = share + (change.factor - share) * level
    returns = volatility * (np.sqrt(share)[:, None] * common + np.sqrt(1 - share)[:, None] * alone)
    price = 100 * np.exp(np.cumsum(returns, axis=0))
    if change.kind == "frozen":
        stopped = slice(0, round(change.factor * width))
        price[start:, stopped] = price[start - 1, stopped]
    if change.kind == "nulls":
        price[start:, : round(change.factor * width)] = np.nan
    hours = hour_range(START - LOOKBACK * 24 * HOUR, START + (number - 24 * LOOKBACK - 1) * HOUR)
    return Panel(hours, price, np.exp(log_traded) * price, supply)


def _shape(change: Change, number: int, start: int) -> NDArray[np.float64]:
    """From 0 (nothing yet) to 1 (all of it), by hour."""
    since = np.arange(number) - start
    level = np.clip((since + 1) / (24 * change.over), 0, 1) if change.over else (since >= 0).astype(float)
    return level if change.hours is None else np.where(since < change.hours, level, 0.0)


def _autoregression(rng: np.random.Generator, number: int, width: int, half_life: float, sd: float) -> Grid:
    slope = 0.5 ** (1 / half_life)
    noise = rng.normal(0, sd * np.sqrt(1 - slope**2), (number, width))
    noise[0] = rng.normal(0, sd, width)
    return np.asarray(lfilter([1.0], [1.0, -slope], noise, axis=0))


def _heavy_tailed(rng: np.random.Generator, number: int, width: int) -> Grid:
    return rng.standard_t(_TAIL, (number, width)) * np.sqrt((_TAIL - 2) / _TAIL)


def _inputs(market: Panel) -> dict[str, Grid]:
    price, width = market.price, market.price.shape[1]
    inputs = {"price": price, "market_cap": price * market.supply, "volume_24h": _trailing_sum(market.traded, 24)}
    for name, hours in (("change_1h_pct", 1), ("change_24h_pct", 24), ("change_7d_pct", 168)):
        inputs[name] = np.full_like(price, np.nan)
        inputs[name][hours:] = 100 * (price[hours:] / price[:-hours] - 1)
    known = np.where(np.isnan(price), -np.inf, price)
    inputs["all_time_high"] = np.maximum.accumulate(known, axis=0)
    returns = np.vstack([np.zeros((1, width)), np.diff(np.log(price), axis=0)])
    mean, square = _trailing_sum(returns, 168) / 168, _trailing_sum(np.square(returns), 168) / 168
    inputs["volatility_7d_pct"] = 100 * np.sqrt(np.maximum(square - np.square(mean), 0))
    return inputs


def _trailing_sum(values: Grid, hours: int) -> Grid:
    sums = np.full_like(values, np.nan)
    total = np.cumsum(values, axis=0)
    sums[hours - 1 :] = total[hours - 1 :]
    sums[hours:] -= total[:-hours]
    return sums


def feature_rows(market: Panel, first: int, last: int) -> Grid:
    """Rows x NAMES of the days `first` to `last` - 1, hour by hour; NaN: not known."""
    begin, end = 24 * (LOOKBACK + first), 24 * (LOOKBACK + last)
    inputs = {name: grid[begin - 24 * LOOKBACK : end] for name, grid in _inputs(market).items()}
    return _features(inputs, market.hours[begin:end])


def _features(inputs: dict[str, Grid], hours: pd.DatetimeIndex) -> Grid:
    names = [each.name for each in features_of(SETTINGS)]
    width = inputs["price"].shape[1]
    columns = np.empty((len(names), len(hours), width))
    fill_columns(dict(zip(names, columns, strict=True)), inputs, hours, SETTINGS)
    chosen = [names.index(name) for name in NAMES]
    return columns[chosen].reshape(len(chosen), -1).T


@dataclass(frozen=True)
class Counted:
    """The counts of each day.

    Attributes:
        bins: Of the training rows: the TRAINING days before the end of the history.
        counts: days x features x BINS.
        nulls: days x features.
    """

    bins: Bins
    counts: NDArray[np.int64]
    nulls: NDArray[np.int64]

    @property
    def statistics(self) -> Grid:
        """days x features x 2: location and spread."""
        known = np.maximum(self.counts.sum(axis=-1), 1)
        parts = [(self.counts * each).sum(axis=-1) / known for each in (self.bins.ranks, self.bins.spreads)]
        return np.stack(parts, axis=-1)


def counted(market: Panel, world: World, first: int = 0, bins: Bins | None = None) -> Counted:
    """Count every day from `first` on."""
    inputs, last = _inputs(market), world.history + world.days
    reach = 24 * LOOKBACK

    def rows(begin: int, end: int) -> Grid:
        part = slice(24 * begin, 24 * end + reach)
        return _features({name: grid[part] for name, grid in inputs.items()}, market.hours[part][reach:])

    bins = bins or cut(NAMES, rows(world.history - TRAINING, world.history))
    counts, nulls = [], []
    for begin in range(first, last, _CHUNK):
        end = min(begin + _CHUNK, last)
        days = np.arange(24 * (end - begin)).repeat(world.instruments) // 24
        found = count_by(rows(begin, end), days, end - begin, bins.edges)
        counts.append(found[0])
        nulls.append(found[1])
    return Counted(bins, np.concatenate(counts), np.concatenate(nulls))
