"""A small random market full of holes, as snapshots."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.panel import Panel, running_high, snapshot_rows

START = as_hour("2020-01-01")


def at(offset: int) -> pd.Timestamp:
    """The hour `offset` hours after START."""
    return START + offset * HOUR


def hours_at(first: int, last: int) -> pd.DatetimeIndex:
    """The hours between two offsets, both included."""
    return hour_range(at(first), at(last))


def random_market(
    seed: int,
    length: int = 240,
    instruments: int = 6,
    seen: float = 0.9,
    slots: Iterable[int] = range(24),
    caps: bool = True,
) -> pd.DataFrame:
    """A market with holes: instruments appear late, vanish early, and miss hours; some volumes are unknown.

    Args:
        seed: Another seed, another market.
        length: Hours since START.
        instruments: How many.
        seen: Share of the hours in which an instrument that lives is seen.
        slots: Hours of the day at which the market is open.
        caps: Whether market caps are known.
    """
    rng = np.random.default_rng(seed)
    shape = (length, instruments)
    hours = hours_at(0, length - 1)
    price = 100 * np.exp(rng.normal(0, 0.01, shape).cumsum(axis=0) + rng.normal(0, 2, instruments))
    birth = np.where(rng.random(instruments) < 0.3, rng.integers(0, length, instruments), 0)
    death = np.where(rng.random(instruments) < 0.3, rng.integers(0, length, instruments), length)
    row = np.arange(length)[:, np.newaxis]
    lives = (row >= birth) & (row < death) & (rng.random(shape) < seen)
    lives &= np.isin(hours.hour.to_numpy(), list(slots))[:, np.newaxis]
    price = np.where(lives, price, np.nan)
    volume = np.exp(rng.normal(10, 1, shape))
    volume[rng.random(shape) < 0.05] = np.nan
    volume[rng.random(shape) < 0.05] = 0.0
    panel = Panel(
        hours=hours,
        instrument_ids=[f"coin{number}" for number in range(instruments)],
        symbols=np.array([f"C{number}" for number in range(instruments)], dtype=object),
        price=price,
        volume_24h=volume,
        market_cap=price * 1e6 if caps else np.full(shape, np.nan),
        all_time_high=running_high(price, np.full(instruments, np.nan)),
    )
    return MARKET_SNAPSHOT.validate(snapshot_rows(panel, hours, "test"))
