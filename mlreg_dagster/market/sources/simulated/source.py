"""A seeded market with planted events and drifts whose truth is known: the default source, offline and endless.

Every day is a block of 24 hours drawn from generators seeded by (seed, stream, day); log prices are the
cumulated blocks since the market opened. So the same hour has the same rows in any process, in any order of
asking. Instruments are drawn one after the other: the path of each stays the same when the universe grows.

A seed keeps its meaning within a version of the market, `MARKET_VERSION`.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from mlreg_dagster.config import SimulatedSettings
from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.market.sources.base import MarketSource, last_ended_hour
from mlreg_dagster.market.sources.panel import (
    LOOKBACK_HOURS,
    FloatArray,
    Panel,
    running_high,
    snapshot_rows,
    trailing_24h,
)
from mlreg_dagster.market.sources.simulated.drifts import Drift
from mlreg_dagster.market.sources.simulated.events import FOR_EVER, EventPlan, PlantedEvent, add_ramp, apply_swell, hide
from mlreg_dagster.market.sources.simulated.volatility import Clustering, Volatility

MARKET_VERSION = 2
"""Counts up when the same settings give another market. 1: without clustering, which it is when that is disabled."""

# streams of random numbers
_PROFILE, _COMMON, _OWN, _BOUNCE, _VOLUME, _EVENTS, _MARKET_VOLATILITY, _OWN_VOLATILITY, _DRIFTS = range(9)

# An hour's variance is 36 % random walk (30 % of it common to all) and 64 % bounce, which does not
# accumulate: 24 h move by about 3 times the hourly volatility; noise alone practically never makes a crash.
_WALK_SHARE, _COMMON_SHARE = 0.36, 0.30
_TAIL_DF, _TAIL_CLIP = 5, 6.0


class _Morning(NamedTuple):
    """What a day begins with, per instrument."""

    log_level: FloatArray
    high: FloatArray
    volatility: FloatArray  # the state from which the day goes on
    events: tuple[PlantedEvent, ...]  # those that begin on this day or still have an effect on it


class SimulatedMarket(MarketSource):
    """The market of `ingest.yaml`'s `simulated` block.

    Args:
        settings: Seed, first hour, volatility, the rates of the planted events, and the planted drifts.
        universe: How many instruments there are: `sim-000`, `sim-001`, …
    """

    name = "simulated"

    def __init__(self, settings: SimulatedSettings, universe: int) -> None:
        self._settings = settings
        self._opens = pd.Timestamp(settings.opens).as_unit("us")
        self._first_day = self._opens.floor("D")
        self._ids = [f"sim-{number:03d}" for number in range(universe)]
        self._plan = EventPlan(settings, universe)
        self._clustering = Clustering(
            settings.clustering,
            universe,
            self._first_day,
            market=partial(self._rng, _MARKET_VOLATILITY),
            own=partial(self._rng, _OWN_VOLATILITY),
        )
        offsets = self._rng(_DRIFTS).random(len(settings.drifts)).tolist()
        self._drifts = [
            Drift(drift, self._first_day, universe, offset)
            for drift, offset in zip(settings.drifts, offsets, strict=True)
        ]
        self._draw_profiles(universe)
        nothing = np.full(universe, np.nan)
        self._mornings = [_Morning(np.zeros(universe), nothing, self._clustering.opening(), self._new_events(0))]
        self._newest_volatility = 0, self._draw_volatility(self._mornings[0], 0)
        self._frozen_since: dict[int, FloatArray] = {}

    def span(self, now: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
        """From the market's opening to the hour that ended last."""
        return self._opens, last_ended_hour(now)

    def planted_events(self, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """The truth: the events that start between `first` and `last`, both included.

        Returns:
            kind, instrument_id, start and end (first and last hour; end is null for a delisting), magnitude
            (% for crash and pump, factor for volume_shock, hours for gap), preceded_by_run_up; by start. The
            fall of a crash is seen in the snapshots of `start` to `end` against that of the hour before.
        """
        mornings = [self._morning(day) for day in range(self._day_of(last) + 1)]
        events = list(dict.fromkeys(event for morning in mornings for event in morning.events))
        frame = pd.DataFrame(
            {
                "kind": pd.array([event.kind for event in events], dtype="str"),
                "instrument_id": pd.array([self._ids[event.instrument] for event in events], dtype="str"),
                "start": self._times([event.start for event in events]),
                "end": self._times([event.end for event in events]),
                "magnitude": np.array([event.magnitude for event in events], dtype=float),
                "preceded_by_run_up": np.array([event.preceded_by_run_up for event in events], dtype=bool),
            }
        )
        frame = frame[(frame["start"] >= first) & (frame["start"] <= last)]
        return frame.sort_values(["start", "instrument_id"], ignore_index=True)

    def planted_drifts(self, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """The truth about drifts: those that are there at some time between `first` and `last`, both included.

        Returns:
            One row for each occurrence: kind, shape, start and end (first and last hour; end is null for one that
            stays), factor, share, instrument_ids; by start.
        """
        found = [
            (drift, start, end)
            for drift in self._drifts
            for start, end in drift.occurrences(self._hour_of(first), self._hour_of(last))
        ]
        frame = pd.DataFrame(
            {
                "kind": pd.array([drift.kind for drift, _, _ in found], dtype="str"),
                "shape": pd.array([drift.settings.shape for drift, _, _ in found], dtype="str"),
                "start": self._times([start for _, start, _ in found]),
                "end": self._times([FOR_EVER if end is None else end for _, _, end in found]),
                "factor": np.array([drift.settings.factor for drift, _, _ in found], dtype=float),
                "share": np.array([drift.settings.share for drift, _, _ in found], dtype=float),
                "instrument_ids": [[self._ids[place] for place in np.flatnonzero(drift.hit)] for drift, _, _ in found],
            }
        )
        return frame.sort_values(["start", "kind"], ignore_index=True)

    def _rows(self, hours: pd.DatetimeIndex, now: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG002
        first_day = max(self._day_of(hours[0] - LOOKBACK_HOURS * HOUR), 0)
        days = range(first_day, self._day_of(hours[-1]) + 1)
        price = np.vstack([self._prices(day) for day in days])
        volume = np.vstack([self._volumes(day) for day in days]) * price
        start = self._first_day + pd.Timedelta(days=first_day)
        volume_24h, market_cap = trailing_24h(volume), price * self._supply
        all_time_high = running_high(price, self._morning(first_day).high)
        all_time_high *= self._factors("one_feature", 24 * first_day, len(price))
        for drift in self._drifts_of("nulls"):
            unknown = drift.is_on(24 * first_day, len(price))
            volume_24h[unknown] = market_cap[unknown] = np.nan
        panel = Panel(
            hours=hour_range(start, start + (len(price) - 1) * HOUR),
            instrument_ids=self._ids,
            symbols=self._symbols,
            price=price,
            volume_24h=volume_24h,
            market_cap=market_cap,
            all_time_high=all_time_high,
        )
        return snapshot_rows(panel, hours, self.name)

    def _draw_profiles(self, universe: int) -> None:
        """Ticker, first price, supply, turnover and beta per instrument: big ones first, as in a ranking."""
        draws = self._rng(_PROFILE).random((universe, 8))
        letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))[(draws[:, :4] * 26).astype(int)]
        self._symbols = np.array(["".join(row) for row in letters], dtype=object)
        self._first_price = 10.0 ** (4.5 - 6.5 * draws[:, 4])
        self._supply = 5e11 / np.arange(1, universe + 1) ** 1.2 / self._first_price
        self._coins_per_hour = self._supply * 10.0 ** (-2.0 + 1.2 * draws[:, 5]) / 24.0
        self._beta = 0.6 + 0.8 * draws[:, 6]

    def _morning(self, day: int) -> _Morning:
        """What `day` begins with; every day before it is drawn once and remembered."""
        while len(self._mornings) <= day:
            today = len(self._mornings) - 1
            high = running_high(self._prices(today), self._mornings[today].high)[-1]
            still = tuple(event for event in self._mornings[today].events if event.last_effect >= 24 * (today + 1))
            level, volatility = self._log_levels(today)[-1], self._volatility(today).state
            self._mornings.append(_Morning(level, high, volatility, (*still, *self._new_events(today + 1))))
        return self._mornings[day]

    def _new_events(self, day: int) -> tuple[PlantedEvent, ...]:
        return tuple(self._plan.draw(day, self._rng(_EVENTS, day)))

    def _volatility(self, day: int) -> Volatility:
        """That of a day, drifts included; the newest one is remembered, as price and volume both ask for it."""
        known, volatility = self._newest_volatility
        if known != day:
            volatility = self._draw_volatility(self._morning(day), day)
            self._newest_volatility = day, volatility
        return volatility

    def _draw_volatility(self, morning: _Morning, day: int) -> Volatility:
        volatility = self._clustering.of_day(day, morning.volatility)
        factors = self._factors("volatility", 24 * day) * self._factors("spike", 24 * day)
        return volatility._replace(moves=volatility.moves * factors)

    def _log_levels(self, day: int) -> FloatArray:
        """Log price against the first price, without bounce: (24, instruments)."""
        morning = self._morning(day)
        walk = self._settings.hourly_volatility_pct / 100.0 * np.sqrt(_WALK_SHARE)
        common = _heavy_tailed(self._rng(_COMMON, day), (24,))[:, np.newaxis] * self._beta
        own = _heavy_tailed(self._rng(_OWN, day), (len(self._ids), 24)).T
        share: float | FloatArray = _COMMON_SHARE
        for drift in self._drifts_of("correlation"):
            target = drift.settings.share or 0.0
            share = share + (target - share) * drift.strength(24 * day)[:, np.newaxis]
        returns = walk * (np.sqrt(share) * common + np.sqrt(1.0 - share) * own)
        returns *= self._volatility(day).moves
        for event in morning.events:
            for ramp in event.ramps:
                add_ramp(returns, ramp, event.instrument, 24 * day)
        levels: FloatArray = morning.log_level + np.cumsum(returns, axis=0)
        return levels

    def _prices(self, day: int) -> FloatArray:
        """Observed prices of a day, (24, instruments); NaN before the opening and where an event hides."""
        size = self._settings.hourly_volatility_pct / 100.0 * np.sqrt((1.0 - _WALK_SHARE) / 2.0)
        bounce = size * self._rng(_BOUNCE, day).standard_normal((len(self._ids), 24)).T
        prices: FloatArray = self._first_price * np.exp(self._log_levels(day) + bounce * self._volatility(day).moves)
        for event in self._morning(day).events:
            if event.hides:
                hide(prices, event, 24 * day)
        if day == 0:
            prices[: self._opens.hour] = np.nan
        self._freeze(prices, day)
        return prices

    def _freeze(self, prices: FloatArray, day: int) -> None:
        """Keep the prices of a day at those before each freeze, in place; where none was observed, none is kept."""
        freezes = [
            (start, number, end, drift)
            for number, drift in enumerate(self._drifts_of("frozen_prices"))
            for start, end in drift.occurrences(24 * day, 24 * day + 23)
        ]
        for start, _, end, drift in sorted(freezes, key=lambda each: each[:2]):
            first, last = max(start - 24 * day, 0), 24 if end is None else min(end + 1 - 24 * day, 24)
            before, within = self._prices_before(prices, start, day), prices[first:last]
            still = drift.hit & ~np.isnan(within) & ~np.isnan(before)
            prices[first:last] = np.where(still, before, within)

    def _prices_before(self, prices: FloatArray, hour: int, day: int) -> FloatArray:
        """The prices an hour before `hour`, which lies in `day`, whose own are given, or before it."""
        if hour > 24 * day:
            before: FloatArray = prices[hour - 1 - 24 * day].copy()
            return before
        if hour not in self._frozen_since:
            earlier = (hour - 1) // 24
            nothing = np.full(len(self._ids), np.nan)
            self._frozen_since[hour] = nothing if earlier < 0 else self._prices(earlier)[(hour - 1) % 24]
        return self._frozen_since[hour]

    def _volumes(self, day: int) -> FloatArray:
        """Coins traded per hour of a day: (24, instruments)."""
        noise = np.exp(0.4 * self._rng(_VOLUME, day).standard_normal((len(self._ids), 24)).T)
        time_of_day = 1.0 + 0.35 * np.sin(2.0 * np.pi * (np.arange(24) - 8) / 24.0)
        volume: FloatArray = self._coins_per_hour * time_of_day[:, np.newaxis] * noise
        volume *= self._volatility(day).volume * self._factors("volume", 24 * day)
        for event in self._morning(day).events:
            for swell in event.swells:
                apply_swell(volume, swell, event.instrument, 24 * day)
        return volume

    def _drifts_of(self, kind: str) -> list[Drift]:
        return [drift for drift in self._drifts if drift.kind == kind]

    def _factors(self, kind: str, first: int, count: int = 24) -> FloatArray:
        """What the drifts of a kind multiply by, in `count` hours from `first` on."""
        factors = np.ones((count, 1))
        for drift in self._drifts_of(kind):
            factors = factors * drift.factors(first, count)
        return factors

    def _rng(self, stream: int, day: int = 0) -> np.random.Generator:
        return np.random.default_rng([self._settings.seed, stream, day])

    def _day_of(self, hour: pd.Timestamp) -> int:
        return int((hour - self._first_day) // pd.Timedelta(days=1))

    def _hour_of(self, hour: pd.Timestamp) -> int:
        return int((hour - self._first_day) // HOUR)

    def _times(self, numbers: list[int]) -> pd.Series:
        known = pd.Series(numbers, dtype="int64").where(lambda number: number != FOR_EVER)
        return (self._first_day + pd.to_timedelta(known, unit="h")).dt.as_unit("us")


def _heavy_tailed(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Student-t noise of variance about 1, without the most extreme values."""
    unit = np.sqrt((_TAIL_DF - 2) / _TAIL_DF)
    noise: FloatArray = np.clip(rng.standard_t(_TAIL_DF, shape) * unit, -_TAIL_CLIP, _TAIL_CLIP)
    return noise
