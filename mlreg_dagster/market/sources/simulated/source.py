"""A seeded market with planted events whose truth is known: the default source, offline and endless.

Every day is a block of 24 hours drawn from generators seeded by (seed, stream, day); log prices are the
cumulated blocks since the market opened. So the same hour has the same rows in any process, in any order of
asking. Instruments are drawn one after the other: the path of each stays the same when the universe grows.
"""

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
from mlreg_dagster.market.sources.simulated.events import FOR_EVER, EventPlan, PlantedEvent, add_ramp, apply_swell, hide

_PROFILE, _COMMON, _OWN, _BOUNCE, _VOLUME, _EVENTS = range(6)  # streams of random numbers

# An hour's variance is 36 % random walk (30 % of it common to all) and 64 % bounce, which does not
# accumulate: 24 h move by about 3 times the hourly volatility; noise alone practically never makes a crash.
_WALK_SHARE, _COMMON_SHARE = 0.36, 0.30
_TAIL_DF, _TAIL_CLIP = 5, 6.0


class _Morning(NamedTuple):
    """What a day begins with, per instrument."""

    log_level: FloatArray
    high: FloatArray
    events: tuple[PlantedEvent, ...]  # those that begin on this day or still have an effect on it


class SimulatedMarket(MarketSource):
    """The market of `ingest.yaml`'s `simulated` block.

    Args:
        settings: Seed, first hour, volatility and the rates of the planted events.
        universe: How many instruments there are: `sim-000`, `sim-001`, …
    """

    name = "simulated"

    def __init__(self, settings: SimulatedSettings, universe: int) -> None:
        self._settings = settings
        self._opens = pd.Timestamp(settings.opens).as_unit("us")
        self._first_day = self._opens.floor("D")
        self._ids = [f"sim-{number:03d}" for number in range(universe)]
        self._plan = EventPlan(settings, universe)
        self._draw_profiles(universe)
        nothing = np.full(universe, np.nan)
        self._mornings = [_Morning(np.zeros(universe), nothing, self._new_events(0))]

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

    def _rows(self, hours: pd.DatetimeIndex, now: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG002
        first_day = max(self._day_of(hours[0] - LOOKBACK_HOURS * HOUR), 0)
        days = range(first_day, self._day_of(hours[-1]) + 1)
        price = np.vstack([self._prices(day) for day in days])
        volume = np.vstack([self._volumes(day) for day in days]) * price
        start = self._first_day + pd.Timedelta(days=first_day)
        panel = Panel(
            hours=hour_range(start, start + (len(price) - 1) * HOUR),
            instrument_ids=self._ids,
            symbols=self._symbols,
            price=price,
            volume_24h=trailing_24h(volume),
            market_cap=price * self._supply,
            all_time_high=running_high(price, self._morning(first_day).high),
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
            level = self._log_levels(today)[-1]
            self._mornings.append(_Morning(level, high, (*still, *self._new_events(today + 1))))
        return self._mornings[day]

    def _new_events(self, day: int) -> tuple[PlantedEvent, ...]:
        return tuple(self._plan.draw(day, self._rng(_EVENTS, day)))

    def _log_levels(self, day: int) -> FloatArray:
        """Log price against the first price, without bounce: (24, instruments)."""
        morning = self._morning(day)
        walk = self._settings.hourly_volatility_pct / 100.0 * np.sqrt(_WALK_SHARE)
        common = _heavy_tailed(self._rng(_COMMON, day), (24,))[:, np.newaxis] * self._beta
        own = _heavy_tailed(self._rng(_OWN, day), (len(self._ids), 24)).T
        returns = walk * (np.sqrt(_COMMON_SHARE) * common + np.sqrt(1.0 - _COMMON_SHARE) * own)
        for event in morning.events:
            for ramp in event.ramps:
                add_ramp(returns, ramp, event.instrument, 24 * day)
        levels: FloatArray = morning.log_level + np.cumsum(returns, axis=0)
        return levels

    def _prices(self, day: int) -> FloatArray:
        """Observed prices of a day, (24, instruments); NaN before the opening and where an event hides."""
        size = self._settings.hourly_volatility_pct / 100.0 * np.sqrt((1.0 - _WALK_SHARE) / 2.0)
        bounce = size * self._rng(_BOUNCE, day).standard_normal((len(self._ids), 24)).T
        prices: FloatArray = self._first_price * np.exp(self._log_levels(day) + bounce)
        for event in self._morning(day).events:
            if event.hides:
                hide(prices, event, 24 * day)
        if day == 0:
            prices[: self._opens.hour] = np.nan
        return prices

    def _volumes(self, day: int) -> FloatArray:
        """Coins traded per hour of a day: (24, instruments)."""
        noise = np.exp(0.4 * self._rng(_VOLUME, day).standard_normal((len(self._ids), 24)).T)
        time_of_day = 1.0 + 0.35 * np.sin(2.0 * np.pi * (np.arange(24) - 8) / 24.0)
        volume: FloatArray = self._coins_per_hour * time_of_day[:, np.newaxis] * noise
        for event in self._morning(day).events:
            for swell in event.swells:
                apply_swell(volume, swell, event.instrument, 24 * day)
        return volume

    def _rng(self, stream: int, day: int = 0) -> np.random.Generator:
        return np.random.default_rng([self._settings.seed, stream, day])

    def _day_of(self, hour: pd.Timestamp) -> int:
        return int((hour - self._first_day) // pd.Timedelta(days=1))

    def _times(self, numbers: list[int]) -> pd.Series:
        known = pd.Series(numbers, dtype="int64").where(lambda number: number != FOR_EVER)
        return (self._first_day + pd.to_timedelta(known, unit="h")).dt.as_unit("us")


def _heavy_tailed(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Student-t noise of variance about 1, without the most extreme values."""
    unit = np.sqrt((_TAIL_DF - 2) / _TAIL_DF)
    noise: FloatArray = np.clip(rng.standard_t(_TAIL_DF, shape) * unit, -_TAIL_CLIP, _TAIL_CLIP)
    return noise
