"""The block `simulated` of ingest.yaml: the seeded market, what clusters in it and what is planted into it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mlreg_dagster.config.section import Count, Hour, Section, Share
from mlreg_dagster.core.times import read_hour

DriftKind = Literal["volatility", "volume", "spike", "one_feature", "nulls", "frozen_prices", "correlation"]
DriftShape = Literal["sudden", "gradual", "recurring"]

_HalfLife = Annotated[float, Field(gt=0, le=24 * 365)]
_Deviation = Annotated[float, Field(ge=0, le=1)]
_Amplitude = Annotated[float, Field(ge=0, lt=1)]

BY_FACTOR = ("volatility", "volume", "spike", "one_feature")
"""The kinds that multiply something; the others say by `share` how far they go."""


class ClusteringSettings(Section):
    """Volatility that clusters: its logarithm is a sum of three processes, each of which forgets half in so long."""

    enabled: bool = Field(True, description="false: the same volatility in every hour, and no rhythm of the week.")
    fast_half_life_hours: _HalfLife = Field(36.0, description="Of the whole market, as is the next.")
    fast_sd: _Deviation = 0.20
    slow_half_life_hours: _HalfLife = 360.0
    slow_sd: _Deviation = 0.20
    own_half_life_hours: _HalfLife = Field(96.0, description="Of each instrument by itself.")
    own_sd: _Deviation = 0.25
    daily_rhythm: _Amplitude = Field(0.25, description="How far volatility swings within a day.")
    weekly_rhythm: _Amplitude = Field(0.10, description="By how much weekends are calmer and thinner than weekdays.")
    volume_follows: Share = Field(0.3, description="Power of the volatility that volume moves with.")


class PlantedDriftSettings(Section):
    """One change of the market that is planted on purpose."""

    kind: DriftKind
    starts: Hour
    days: Annotated[float, Field(gt=0)] | None = None
    hours: Count | None = None
    every_days: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Of a recurring one: from start to start."
    )
    factor: Annotated[float, Field(gt=0, le=20)] | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Of the instruments; of correlation: of the variance that is common to all."
    )
    shape: DriftShape = "sudden"

    @property
    def length_hours(self) -> int | None:
        """How long it lasts, or a gradual one takes to arrive; None: for good."""
        return self.hours if self.days is None else round(self.days * 24)

    @property
    def every_hours(self) -> int | None:
        """Hours from one start of a recurring one to the next."""
        return None if self.every_days is None else round(self.every_days * 24)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.factor is None) == (self.kind in BY_FACTOR):
            needs = "needs a factor" if self.factor is None else "takes no factor; its size is its share"
            raise ValueError(f"kind {self.kind} {needs}")
        if self.share is None and self.kind not in BY_FACTOR:
            raise ValueError(f"kind {self.kind} needs a share")
        if self.kind == "one_feature" and self.factor is not None and self.factor < 1:
            raise ValueError("kind one_feature raises all-time highs, so its factor must be at least 1")
        if self.kind == "spike" and (self.hours is None or self.shape != "sudden"):
            raise ValueError("kind spike needs hours and the shape sudden; kind volatility lasts longer")
        return self

    @model_validator(mode="after")
    def _fits_its_shape(self) -> Self:
        if self.days is not None and self.hours is not None:
            raise ValueError("give days or hours, not both")
        if self.length_hours == 0 or self.every_hours == 0:
            raise ValueError("days and every_days must be at least an hour, 0.042 days")
        if self.shape != "sudden" and self.length_hours is None:
            raise ValueError(f"shape {self.shape} needs days or hours")
        if self.shape == "gradual" and self.kind in ("nulls", "frozen_prices"):
            raise ValueError(f"kind {self.kind} is there or not; its shape must be sudden or recurring")
        if (self.shape == "recurring") != (self.every_days is not None):
            raise ValueError("every_days belongs to the shape recurring, which needs it")
        if self.every_hours is not None and self.every_hours <= (self.length_hours or 0):
            raise ValueError("every_days must be longer than one occurrence lasts")
        return self


class SimulatedSettings(Section):
    """The seeded market: how many events of each kind to plant, per instrument and 30 days."""

    seed: Annotated[int, Field(ge=0)] = 7
    opens: Hour = read_hour("2026-01-01")
    hourly_volatility_pct: Annotated[float, Field(gt=0, le=20)] = 0.8
    crashes: Annotated[float, Field(ge=0, le=10)] = 0.5
    pumps: Annotated[float, Field(ge=0, le=10)] = 0.5
    volume_shocks: Annotated[float, Field(ge=0, le=10)] = 0.5
    gaps: Annotated[float, Field(ge=0, le=10)] = 0.3
    delistings: Annotated[float, Field(ge=0, le=1)] = 0.01
    clustering: ClusteringSettings = ClusteringSettings()
    drifts: tuple[PlantedDriftSettings, ...] = Field(
        (), description="Changes of the market that are planted on purpose."
    )

    @model_validator(mode="after")
    def _drifts_within_the_market(self) -> Self:
        for number, drift in enumerate(self.drifts):
            if drift.starts < self.opens:
                raise ValueError(
                    f"drifts.{number}.starts ({drift.starts:%Y-%m-%d %H:%M}) must not lie before opens "
                    f"({self.opens:%Y-%m-%d %H:%M})"
                )
        return self
