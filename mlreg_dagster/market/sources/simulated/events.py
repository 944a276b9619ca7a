"""The events planted into the simulated market: what each does to price, volume and visibility, and when.

An event's effect is spelled out when it is drawn, as ramps over hours. Hours are counted from the start of
the market's first day.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlreg_dagster.config import SimulatedSettings

Uniforms = Sequence[float]

FOR_EVER = 2**40
_CALM_HOURS = 24  # after an event its instrument is left alone, so that events don't cancel each other
_UNIFORMS = 16


class Ramp(NamedTuple):
    """A change of the log price, spread evenly over the hours `first … last`."""

    first: int
    last: int
    log_change: float


class Swell(NamedTuple):
    """Volume times a factor that goes evenly from one value to another over the hours `first … last`."""

    first: int
    last: int
    factor_from: float
    factor_to: float


class PlantedEvent(NamedTuple):
    """One event of one instrument.

    Attributes:
        kind: crash, pump, volume_shock, gap or delisting.
        instrument: Its column.
        start: First hour of the fall, the rise, the shock or the silence.
        end: Last hour of it; `FOR_EVER` for a delisting.
        magnitude: Planned price change in % (crash, pump), volume factor (volume_shock), hours (gap), NaN.
        ramps: What it does to the price; a run-up lies before `start`, a pump's drift back after `end`.
        swells: What it does to the volume.
        preceded_by_run_up: A pump-and-dump: the crash had a run-up.
    """

    kind: str
    instrument: int
    start: int
    end: int
    magnitude: float
    ramps: tuple[Ramp, ...] = ()
    swells: tuple[Swell, ...] = ()
    preceded_by_run_up: bool = False

    @property
    def hides(self) -> bool:
        """Whether the instrument has no rows between `start` and `end`."""
        return self.kind in ("gap", "delisting")

    @property
    def last_effect(self) -> int:
        """The last hour in which the event still does something."""
        lasts = [ramp.last for ramp in self.ramps] + [swell.last for swell in self.swells]
        return max([self.end, *lasts])


class EventPlan:
    """Draws the events of one day after the other; an instrument has one event at a time.

    Every instrument has its own numbers of the day, so its events don't depend on how many others there are.
    An event drawn for an instrument that still has one is left out: at high rates fewer are planted than
    asked.
    """

    def __init__(self, settings: SimulatedSettings, universe: int) -> None:
        self._daily_rates = (
            np.array([settings.delistings, settings.crashes, settings.pumps, settings.volume_shocks, settings.gaps])
            / 30.0
        )
        self._busy_until = np.full(universe, -1)

    def draw(self, day: int, rng: np.random.Generator) -> list[PlantedEvent]:
        """The events that begin (run-up included) on a day; days must be drawn in order, each once."""
        draws = rng.random((len(self._busy_until), _UNIFORMS))
        hits = draws[:, : len(_BUILDERS)] < self._daily_rates
        events = []
        for instrument in np.flatnonzero(hits.any(axis=1)).tolist():
            hour, *parameters = draws[instrument, len(_BUILDERS) :].tolist()
            begin = 24 * day + int(hour * 24)
            if begin > self._busy_until[instrument]:
                event = _BUILDERS[int(hits[instrument].argmax())](instrument, begin, parameters)
                self._busy_until[instrument] = event.last_effect + _CALM_HOURS
                events.append(event)
        return events


def _delisting(instrument: int, begin: int, _: Uniforms) -> PlantedEvent:
    return PlantedEvent("delisting", instrument, begin, FOR_EVER, float("nan"))


def _crash(instrument: int, begin: int, u: Uniforms) -> PlantedEvent:
    """Falls 20-50 % within 2-8 h and stays low; 60 % follow a run-up of 15-40 % over 12-24 h."""
    run_up = u[0] < 0.6
    start = begin + _whole(u[1], 12, 24) if run_up else begin
    end = start + _whole(u[2], 2, 8) - 1
    fall = _between(u[3], 0.20, 0.50)
    ramps: tuple[Ramp, ...] = (Ramp(start, end, float(np.log1p(-fall))),)
    peak = _between(u[5], 3.0, 8.0)
    swells: tuple[Swell, ...] = (Swell(start, end + 4, peak, 1.5),)
    if run_up:
        ramps = (Ramp(begin, start - 1, float(np.log1p(_between(u[4], 0.15, 0.40)))), *ramps)
        swells = (Swell(begin, start - 1, 1.5, peak), *swells)
    return PlantedEvent("crash", instrument, start, end, -100.0 * fall, ramps, swells, run_up)


def _pump(instrument: int, begin: int, u: Uniforms) -> PlantedEvent:
    """Rises 20-60 % over 3-8 h, then gives back 30-50 % of it over 3-4 days: too slow to be a crash."""
    end = begin + _whole(u[0], 3, 8) - 1
    rise = _between(u[1], 0.20, 0.60)
    log_rise = float(np.log1p(rise))
    drift = Ramp(end + 1, end + _whole(u[2], 72, 96), -log_rise * _between(u[3], 0.3, 0.5))
    swell = Swell(begin, end + 6, _between(u[4], 2.0, 6.0), 1.2)
    return PlantedEvent("pump", instrument, begin, end, 100.0 * rise, (Ramp(begin, end, log_rise), drift), (swell,))


def _volume_shock(instrument: int, begin: int, u: Uniforms) -> PlantedEvent:
    """Volume times 5-20 for 3-6 h while the price does nothing."""
    end = begin + _whole(u[0], 3, 6) - 1
    factor = _between(u[1], 5.0, 20.0)
    return PlantedEvent("volume_shock", instrument, begin, end, factor, (), (Swell(begin, end, factor, factor),))


def _gap(instrument: int, begin: int, u: Uniforms) -> PlantedEvent:
    """No rows for 2-12 h."""
    hours = _whole(u[0], 2, 12)
    return PlantedEvent("gap", instrument, begin, begin + hours - 1, float(hours))


_Builder = Callable[[int, int, Uniforms], PlantedEvent]
_BUILDERS: tuple[_Builder, ...] = (_delisting, _crash, _pump, _volume_shock, _gap)


def _between(uniform: float, low: float, high: float) -> float:
    return low + (high - low) * uniform


def _whole(uniform: float, low: int, high: int) -> int:
    return low + int(uniform * (high - low + 1))


def add_ramp(log_returns: npt.NDArray[np.float64], ramp: Ramp, instrument: int, day_start: int) -> None:
    """Add a ramp's share of one day to its (hours, instruments) log returns, in place."""
    hours = _within_day(ramp.first, ramp.last, day_start)
    log_returns[hours, instrument] += ramp.log_change / (ramp.last - ramp.first + 1)


def apply_swell(volume: npt.NDArray[np.float64], swell: Swell, instrument: int, day_start: int) -> None:
    """Multiply one day of (hours, instruments) volumes by a swell's factors, in place."""
    hours = _within_day(swell.first, swell.last, day_start)
    progress = (np.arange(hours.start, hours.stop) + day_start - swell.first) / max(swell.last - swell.first, 1)
    volume[hours, instrument] *= swell.factor_from + (swell.factor_to - swell.factor_from) * progress


def hide(values: npt.NDArray[np.float64], event: PlantedEvent, day_start: int) -> None:
    """Make one day of (hours, instruments) values unobserved while the event hides them, in place."""
    values[_within_day(event.start, event.end, day_start), event.instrument] = np.nan


def _within_day(first: int, last: int, day_start: int) -> slice:
    start = min(max(first - day_start, 0), 24)
    return slice(start, max(min(last - day_start + 1, 24), start))
