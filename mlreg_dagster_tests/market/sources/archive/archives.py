"""Archives as the tests write and read them."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlreg_dagster.config import ArchiveColumns, ArchiveSettings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.market.sources.archive.source import Archive
from mlreg_dagster.market.sources.base import SourceError
from mlreg_dagster_tests.market.sources import source_fixtures

NOW = pd.Timestamp("2030-01-01", tz="UTC")
FIRST = as_hour("2025-06-01T02:00")
HOURS = source_fixtures.hours(FIRST, 3)
PRICES = [0.014943, 1.6, 104250.25]


def bars(name: str = "btc", prices: list[float] | None = None) -> pd.DataFrame:
    close = prices or PRICES
    return pd.DataFrame(
        {"asset_id": name, "symbol": name.upper(), "ts": HOURS, "close": close, "volume": [1.0, 2.0, 3.0]}
    )


def ask(path: Path | str, hours: pd.DatetimeIndex = HOURS, columns: dict[str, str] | None = None, **settings: object):
    block = ArchiveSettings(path=str(path), columns=ArchiveColumns(**(columns or {})), **settings)
    rows = Archive(block, 100).snapshots(hours, NOW)
    return {name: group["price"].tolist() for name, group in rows.groupby("instrument_id")}


def refusal(path: Path | str, **settings: object) -> str:
    with pytest.raises(SourceError) as caught:
        ask(path, **settings)
    return str(caught.value)


def arrow(path: Path, **columns: pa.Array) -> None:
    """The usual bars, some of their columns replaced; None leaves one out."""
    table = {name: pa.Array.from_pandas(values) for name, values in bars(path.stem).items()} | columns
    pq.write_table(pa.table({name: values for name, values in table.items() if values is not None}), path)


def texts(path: Path, lines: str) -> Path:
    path.write_text(lines, newline="")
    return path


CSV = "asset_id,symbol,ts,close,volume\n"
