"""Small markets for features, datasets and models: written down row by row, or random and full of holes."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.testing.market import START, at, hours_at, random_market

__all__ = ["START", "at", "hours_at", "random_market", "snapshot_of"]

_DEFAULTS = {
    "instrument_id": "coin",
    "symbol": "C",
    "price": 1.0,
    "market_cap": 1e6,
    "volume_24h": 1e3,
    "change_1h_pct": 1.0,
    "change_24h_pct": 2.0,
    "change_7d_pct": 3.0,
    "all_time_high": 2.0,
    "volatility_7d_pct": 1.0,
    "source": "test",
}


def snapshot_of(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of MARKET_SNAPSHOT; `at` is the hour as an offset from START, what is left out has a default."""
    filled = [
        {**_DEFAULTS, **row, "hour": at(row.get("at", 0)), "observed_at": at(row.get("at", 0) + 1)} for row in rows
    ]
    frame = pd.DataFrame(filled, columns=list(MARKET_SNAPSHOT.columns))
    return frame.astype({name: spec.dtype.type for name, spec in MARKET_SNAPSHOT.columns.items()})
