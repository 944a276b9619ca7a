"""Simulated markets of which it is known whether and when they change, counted day by day.

Used by `benchmarks/drift.py` at full size and by tests at a small one. The market is the package's own source, with its
events and its clustering volatility; the features are its own, too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import FeatureSettings, SimulatedSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.features.features import compute_features, families_of
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket
from mlreg_dagster.monitoring.drift.statistics.features import takes_part
from mlreg_dagster.monitoring.sketches.bins import Bins, count_by, cut

START = as_hour("2024-01-01")  # a Monday
SETTINGS = FeatureSettings()
FAMILIES = families_of(SETTINGS)
NAMES = takes_part(FAMILIES)
TRAINING = 7

_NOW = as_hour("2040-01-01")
_WARM_UP = 14  # days before the first one, in which windows fill
_LOOKBACK = 168
_CHUNK = 31


@dataclass(frozen=True)
class World:
    """How long a market is.

    Attributes:
        instruments: How many.
        history: Days before the first one that is judged; what is planted begins with that one.
        days: Days that are judged.
    """

    instruments: int = 100
    history: int = 120
    days: int = 365

    @property
    def first_judged(self) -> pd.Timestamp:
        """Its midnight."""
        return START + pd.Timedelta(days=self.history)


CHANGES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "volatility x 1.2": {"kind": "volatility", "factor": 1.2},
    "volatility x 1.5": {"kind": "volatility", "factor": 1.5},
    "volatility x 2.5": {"kind": "volatility", "factor": 2.5},
    "volatility x 3 over 30 days": {"kind": "volatility", "factor": 3.0, "days": 30, "shape": "gradual"},
    "volume x 2": {"kind": "volume", "factor": 2.0},
    "correlation 0.3 to 0.7": {"kind": "correlation", "share": 0.7},
    "spike x 3 for 12 h": {"kind": "spike", "factor": 3.0, "hours": 12},
}
"""What is planted, by name; each begins with the first day that is judged."""

QUALITY_CHANGES: dict[str, dict[str, Any]] = {
    "10 % of the instruments null": {"kind": "nulls", "share": 0.1},
    "10 % of the prices frozen": {"kind": "frozen_prices", "share": 0.1},
}


def chunks(
    world: World, seed: int, planted: Mapping[str, Any] | None = None, first: int = 0, **market: Any
) -> Iterator[tuple[pd.DatetimeIndex, pd.DataFrame]]:
    """Days from `first` on, some at a time, and their rows of features.

    Args:
        world: How long.
        seed: Of the market.
        planted: A drift of `ingest.yaml`, without its start.
        first: The first day, counted from START; what is before it is as it would be.
        market: Other settings of the simulated market.
    """
    drifts = [{**planted, "starts": world.first_judged.isoformat()}] if planted else []
    opens = START - pd.Timedelta(days=_WARM_UP)
    settings = SimulatedSettings.model_validate({"seed": seed, "opens": opens, "drifts": drifts, **market})
    source, last = SimulatedMarket(settings, world.instruments), world.history + world.days
    for begin in range(first, last, _CHUNK):
        days = pd.date_range(START + pd.Timedelta(days=begin), periods=min(_CHUNK, last - begin), freq="D", unit="us")
        hours = hour_range(days[0], days[-1] + 23 * HOUR)
        rows = source.snapshots(hour_range(hours[0] - _LOOKBACK * HOUR, hours[-1]), _NOW)
        yield days, compute_features(rows, hours, SETTINGS, _LOOKBACK)


@dataclass(frozen=True)
class Counted:
    """The counts of each day.

    Attributes:
        bins: Of the training rows: the TRAINING days before the first one that is judged.
        counts: days x features x BINS.
        nulls: days x features.
    """

    bins: Bins
    counts: NDArray[np.int64]
    nulls: NDArray[np.int64]

    @property
    def statistics(self) -> NDArray[np.float64]:
        """days x features x 2: location and spread."""
        known = np.maximum(self.counts.sum(axis=-1), 1)
        parts = [(self.counts * each).sum(axis=-1) / known for each in (self.bins.ranks, self.bins.spreads)]
        return np.stack(parts, axis=-1)


def training_bins(world: World, seed: int) -> Bins:
    """The bins of the training rows of a market; nothing that is planted lies in them."""
    first = world.history - TRAINING
    short = World(world.instruments, world.history, 0)
    rows = [frame[list(NAMES)].to_numpy() for _, frame in chunks(short, seed, first=first)]
    return cut(NAMES, np.concatenate(rows))


def counted(
    world: World,
    seed: int,
    planted: Mapping[str, Any] | None = None,
    first: int = 0,
    bins: Bins | None = None,
    **market: Any,
) -> Counted:
    """Count every day from `first` on; as for `chunks`."""
    bins = bins or training_bins(world, seed)
    counts, nulls = [], []
    for days, frame in chunks(world, seed, planted, first, **market):
        of_day = ((frame["hour"] - days[0]) // pd.Timedelta(days=1)).to_numpy(dtype=np.int64)
        found = count_by(frame[list(NAMES)].to_numpy(), of_day, len(days), bins.edges)
        counts.append(found[0])
        nulls.append(found[1])
    return Counted(bins, np.concatenate(counts), np.concatenate(nulls))
