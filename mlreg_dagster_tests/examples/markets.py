"""The two tables that the source of the examples reads, made of a simulated market."""

from pathlib import Path

import pandas as pd

from mlreg_dagster.config import SimulatedSettings
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket


def write_tables(folder: Path, hours: pd.DatetimeIndex, instruments: int = 12) -> dict[str, str]:
    """Closes and hourly volumes; returns `ingest.yaml: params`."""
    folder.mkdir(exist_ok=True)
    market = SimulatedMarket(SimulatedSettings(opens=hours[0], crashes=8.0), instruments)
    rows = market.snapshots(hours, hours[-1] + pd.Timedelta(days=1))
    rows = rows.assign(hourly=rows["volume_24h"] / 24)
    paths = {"closes": folder / "closes.csv", "volumes": folder / "volumes.csv"}
    for name, column in (("closes", "price"), ("volumes", "hourly")):
        rows.pivot(index="hour", columns="instrument_id", values=column).to_csv(paths[name])
    return {name: str(path) for name, path in paths.items()}
