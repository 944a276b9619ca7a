"""ingest.yaml: where the market comes from, and when a snapshot of it is fit to be used."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from mlreg_dagster.config.section import Count, Hour, Percent, Section, Share
from mlreg_dagster.config.sections.simulated import SimulatedSettings
from mlreg_dagster.core.times import read_hour

if TYPE_CHECKING:
    import pandas as pd


class ArchiveColumns(Section):
    """What the archive calls its columns."""

    instrument_id: str = "asset_id"
    symbol: str = "symbol"
    time: str = "ts"
    close: str = "close"
    volume: str = "volume"


class ArchiveSettings(Section):
    """Hourly OHLCV bars in Parquet or CSV files."""

    path: str | None = Field(None, description="A file or glob; relative to the folder of the config file.")
    columns: ArchiveColumns = ArchiveColumns()
    exclude: tuple[str, ...] = Field((), description="Instruments to leave out, an index for example.")
    volume_unit: Literal["base", "quote"] = Field(
        "base", description="base: coins or shares, multiplied by the close; quote: money already."
    )

    @field_validator("path")
    @classmethod
    def _is_local(cls, path: str | None) -> str | None:
        if path is not None and re.match(r"[a-z0-9+.-]+:/", path, re.IGNORECASE):
            raise ValueError("must name files of this machine, not an address; copy them here first")
        return path


class CoinGeckoSettings(Section):
    """The CoinGecko API."""

    base_url: Annotated[str, Field(pattern=r"^https?://[^?#]+$")] = "https://api.coingecko.com/api/v3"
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = Field(
        "COINGECKO_API_KEY", description="Environment variable of the key, not the key itself; unset: none."
    )
    api_key_header: Literal["x-cg-demo-api-key", "x-cg-pro-api-key"] = "x-cg-demo-api-key"
    vs_currency: str = "usd"
    exclude: tuple[str, ...] = Field((), description="Coins to leave out, by id.")
    max_price_age_minutes: Annotated[float, Field(gt=0)] = Field(
        60.0, description="A live price last updated longer than this before the end of its hour is unknown."
    )
    timeout_s: Annotated[float, Field(gt=0, le=300)] = Field(
        20.0,
        description="For connecting, and between two pieces of an answer; a whole one may take three times as long.",
    )
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    max_wait_s: Annotated[float, Field(gt=0, le=600)] = Field(
        120.0, description="Longest single wait before a retry; a longer Retry-After is an error."
    )
    requests_per_minute: Annotated[float, Field(gt=0)] = 25.0


class SnapshotChecks(Section):
    """Thresholds of the asset checks on market_snapshot."""

    completeness: Share = 0.95
    completeness_columns: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "price",
        "volume_24h",
        "change_1h_pct",
        "change_24h_pct",
        "change_7d_pct",
    )
    min_universe_share: Share = Field(0.8, description="Rows of an hour against `universe`.")
    allow_empty_hours: bool = Field(False, description="true for markets that close (nights, holidays).")
    max_abs_change_1h_pct: Percent = 50.0
    max_implausible_share: Share = 0.02
    max_jump_factor: Annotated[float, Field(gt=1)] = Field(
        1.8, description="A price this many times the one last seen, or this part of it, looks like a split."
    )
    max_age_hours: Count = 3
    unknown_features: tuple[str, ...] = Field(
        (), description="Features that this market can't know; no check warns of them."
    )


class IngestSettings(Section):
    """ingest.yaml: where the market comes from."""

    source: Annotated[str, Field(min_length=1)] = Field(
        "simulated", description="simulated, archive, coingecko, or one of a plug-in."
    )
    params: dict[str, Any] = Field({}, description="Keyword arguments of a plug-in's source.")
    start: Hour = read_hour("2026-01-01")
    end: Hour | None = Field(None, description="The hour after the last partition; None = there is no last one.")
    universe: Count = 100
    chunk_hours: Annotated[int, Field(ge=24)] = Field(
        744, description="Hours held in memory at once, at most; of a large universe fewer, see `chunk_rows`."
    )
    chunk_rows: Count = Field(420_000, description="Rows of the market held in memory at once; never less than a day.")
    catch_up_hours: Count = Field(
        504, description="How far back an empty home is filled, and how many hours of a longer outage at once."
    )
    simulated: SimulatedSettings = SimulatedSettings()
    archive: ArchiveSettings = ArchiveSettings()
    coingecko: CoinGeckoSettings = CoinGeckoSettings()
    checks: SnapshotChecks = SnapshotChecks()

    @model_validator(mode="after")
    def _end_after_start(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end ({self.end:%Y-%m-%d %H:%M}) must lie after start ({self.start:%Y-%m-%d %H:%M})")
        return self

    @property
    def first_hour(self) -> "pd.Timestamp":
        """The first partition."""
        return _as_stamp(self.start)

    @property
    def last_hour(self) -> "pd.Timestamp | None":
        """The last partition, if there is a last one."""
        return None if self.end is None else _as_stamp(self.end - timedelta(hours=1))

    @property
    def hours_at_once(self) -> int:
        """How many hours are held in memory at once: `chunk_hours`, or the whole days that `chunk_rows` allows."""
        return self.hours_holding(self.universe)

    def hours_holding(self, rows_an_hour: int) -> int:
        """Likewise, of a table that has so many rows an hour; a day at least."""
        return min(self.chunk_hours, 24 * max(self.chunk_rows // (24 * rows_an_hour), 1))

    def has_ended(self, now: datetime) -> bool:
        """Whether there is a last partition and it lies in the past: no hour is to come."""
        return self.end is not None and now >= self.end

    def covers(self, hour: datetime) -> bool:
        """Whether an hour is a partition, or will be."""
        return self.first_hour <= hour and (self.last_hour is None or hour <= self.last_hour)


def _as_stamp(hour: datetime) -> "pd.Timestamp":
    """An hour as tables take it; pandas is loaded here, not by those that only read the configuration."""
    from mlreg_dagster.core.hours import as_hour

    return as_hour(hour)
