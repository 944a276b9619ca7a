"""A feature: how far the price ranged within a day.

features.yaml:

    own: {range_24h_pct: "1"}
"""

import numpy as np

from mlreg_dagster.extensions import Array, Grid, feature


@feature(
    "range_24h_pct",
    lookback=23,
    description="Highest over lowest price of the last 24 h; null where fewer than 12 were observed",
    unit="%",
)
def range_24h_pct(grid: Grid) -> Array:
    """Windows are clock hours: a missing hour is a null within the window."""
    prices = grid.window("price", 24)
    observed = (~np.isnan(prices)).sum(axis=2)
    highest, lowest = np.fmax.reduce(prices, axis=2), np.fmin.reduce(prices, axis=2)
    return np.where(observed >= 12, (highest / lowest - 1) * 100, np.nan)
