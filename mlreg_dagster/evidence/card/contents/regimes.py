"""The regime of each hour of the stored market: calm, usual or turbulent, by the volatility of its instruments."""

import pandas as pd

from mlreg_dagster.evidence.card.contents.contents import REGIMES
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.storage.warehouse.warehouse import Warehouse


def regimes_of(tables: Warehouse) -> "pd.Series[str]":
    """The regime of each hour whose volatility is known.

    Regimes are terciles of the hourly median of volatility_7d_pct over the whole stored market, so that a training
    window is seen against everything that is known of the market.
    """
    tables.newest(MARKET_SNAPSHOT)  # the table is there from now on
    hours = tables.query(
        f"SELECT hour, median(volatility_7d_pct) AS volatility FROM {MARKET_SNAPSHOT.name} "  # noqa: S608
        "WHERE volatility_7d_pct IS NOT NULL GROUP BY hour ORDER BY hour"
    )
    volatility = hours.set_index("hour")["volatility"].astype("float64")
    if volatility.empty:
        return pd.Series(dtype="object", index=pd.DatetimeIndex([], tz="UTC"))
    low, high = volatility.quantile([1 / 3, 2 / 3])
    names = pd.Series(REGIMES[1], index=volatility.index, dtype="object")
    names[volatility <= low] = REGIMES[0]
    names[volatility > high] = REGIMES[2]
    return names


def hours_by_regime(regimes: "pd.Series[str]", hours: pd.DatetimeIndex) -> dict[str, int]:
    """How many of some hours lie in each regime; those of no known regime are left out."""
    counts = regimes[regimes.index.isin(hours)].value_counts()
    return {name: int(counts.get(name, 0)) for name in REGIMES}
