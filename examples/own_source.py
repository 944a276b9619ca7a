"""A market source: two tables of closes and volumes, an hour a row, an instrument a column.

ingest.yaml:

    source: wide_csv
    params: {closes: data/closes.csv, volumes: data/volumes.csv}
"""

from pathlib import Path

import numpy as np
import pandas as pd

from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.extensions import source
from mlreg_dagster.market.sources import MarketSource
from mlreg_dagster.market.sources.base import MalformedArchive, last_ended_hour
from mlreg_dagster.market.sources.panel import LOOKBACK_HOURS, Panel, running_high, snapshot_rows, trailing_24h
from mlreg_dagster.storage.landing import LandingZone


@source("wide_csv")
class WideCsv(MarketSource):
    """Hourly closes and volumes in two CSV files; their first column is the hour, UTC.

    Args:
        universe: At most how many instruments are taken: the first ones.
        landing: Not used, as files stay where they are.
        closes: File of prices at the end of each hour; an empty cell was not observed.
        volumes: File of what was traded within each hour, in the quote currency.
    """

    def __init__(self, *, universe: int, landing: LandingZone | None = None, closes: str, volumes: str) -> None:  # noqa: ARG002
        self.universe = universe
        self.paths = Path(closes), Path(volumes)

    def span(self, now: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
        """From the first to the last row, as far as it has ended."""
        closes, _ = self._tables()
        return closes.index[0], min(closes.index[-1], last_ended_hour(now))

    def _rows(self, hours: pd.DatetimeIndex, now: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG002
        closes, volumes = self._tables()
        read = hour_range(hours[0] - LOOKBACK_HOURS * HOUR, hours[-1])
        before = closes[closes.index < read[0]].max().to_numpy(dtype=np.float64)
        price = closes.reindex(read).to_numpy(dtype=np.float64)
        panel = Panel(
            hours=read,
            instrument_ids=list(closes.columns),
            symbols=np.array([name.upper() for name in closes.columns], dtype=object),
            price=price,
            volume_24h=trailing_24h(volumes.reindex(read).to_numpy(dtype=np.float64)),
            market_cap=np.full(price.shape, np.nan),  # unknown
            all_time_high=running_high(price, before),
        )
        return snapshot_rows(panel, hours, self.name)

    def _tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        tables = []
        for path in self.paths:
            try:
                table = pd.read_csv(path, index_col=0)
                table.index = pd.to_datetime(table.index, utc=True).as_unit("us")
            except (OSError, ValueError) as error:
                raise MalformedArchive(f"{path} is no table of hours and instruments: {error}") from error
            tables.append(table.iloc[:, : self.universe])
        return tables[0], tables[1]
