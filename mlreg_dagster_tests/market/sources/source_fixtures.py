"""Small markets for the tests of the sources: files and frames whose every value is known."""

from pathlib import Path

import numpy as np
import pandas as pd

from mlreg_dagster.core.hours import as_hour

OPENING = as_hour("2026-03-01")
NOW = pd.Timestamp("2026-03-20T10:20:30.123456", tz="UTC")
LIVE = as_hour("2026-03-20T09:00")


def hours(first: str | pd.Timestamp, count: int) -> pd.DatetimeIndex:
    return pd.date_range(as_hour(first), periods=count, freq="h", unit="us")


def bars(instruments: int = 4, days: int = 20, seed: int = 3) -> pd.DataFrame:
    """Hourly bars since OPENING with gaps: instrument `i` misses every bar in which a seeded coin falls."""
    rng = np.random.default_rng(seed)
    frames = []
    for number in range(instruments):
        index = hours(OPENING, 24 * days)
        close = 100.0 * (number + 1) * np.exp(rng.normal(0, 0.01, len(index)).cumsum())
        frame = pd.DataFrame({"asset_id": f"coin{number}", "symbol": f"C{number}", "ts": index, "close": close})
        frame["volume"] = rng.uniform(1, 50, len(index))
        frames.append(frame[rng.random(len(index)) > 0.1])
    return pd.concat(frames, ignore_index=True)


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return path
