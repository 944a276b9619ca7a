"""outcomes.yaml: how the outcome of a prediction is determined."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mlreg_dagster.config.section import Count, Section


class ReasonSettings(Section):
    """outcomes.yaml: how the reasons for flags are computed."""

    pairs: Annotated[int, Field(ge=0, le=64)] = Field(
        3, description="Orders of the families that are walked forward and backward; 0 = no reasons."
    )
    families: Annotated[int, Field(ge=1, le=12)] = Field(3, description="How many families are named for a flag.")


class OutcomeSettings(Section):
    """outcomes.yaml: how the outcome of a prediction is determined."""

    horizon_hours: Count = 24
    crash_pct: Annotated[float, Field(ge=-100, lt=0)] = -15.0
    price_tolerance_hours: Annotated[int, Field(ge=0)] = Field(
        0, description="How much older than +horizon the price may be. Never younger: that would look ahead."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)] = 1000
    reasons: ReasonSettings = ReasonSettings()

    @model_validator(mode="after")
    def _tolerance_within_horizon(self) -> Self:
        if self.price_tolerance_hours >= self.horizon_hours:
            raise ValueError("price_tolerance_hours must be less than horizon_hours")
        return self
