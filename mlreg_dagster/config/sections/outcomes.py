"""outcomes.yaml: how the outcome of a prediction is determined."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mlreg_dagster.config.section import Count, Section


class OutcomeSettings(Section):
    """outcomes.yaml: how the outcome of a prediction is determined."""

    horizon_hours: Count = 24
    target: Literal["close", "touch"] = Field(
        "close", description="A crash by the price at +horizon, or by the lowest within the horizon."
    )
    crash_pct: Annotated[float, Field(ge=-100, lt=0)] = -15.0
    price_tolerance_hours: Annotated[int, Field(ge=0)] = Field(
        0, description="How much older than +horizon the price may be. Never younger: that would look ahead."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)] = 1000

    @property
    def crash(self) -> str:
        """What a crash is, in words."""
        price = "the last price" if self.target == "close" else "any price"
        return f"a change of {self.crash_pct:g} % or less to {price} within {self.horizon_hours} h"

    @model_validator(mode="after")
    def _tolerance_within_horizon(self) -> Self:
        if self.price_tolerance_hours >= self.horizon_hours:
            raise ValueError("price_tolerance_hours must be less than horizon_hours")
        return self
