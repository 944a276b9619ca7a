"""outcomes.yaml: how the outcome of a prediction is determined."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mlreg_dagster.config.section import Count, Section, Share


class WorthSettings(Section):
    """When a version counts as better, not worse or worse than the simple rankings, on matured outcomes."""

    budget: Annotated[float, Field(gt=0, le=0.5)] = Field(
        0.08, description="Share of a day's rows within which average precision is measured."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="Of the intervals.")
    resamples: Annotated[int, Field(ge=100, le=100_000)] = Field(1000, description="Of the time blocks.")
    max_false_positive_rate: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.05, description="How often a verdict may be wrong, over all looks at the same outcomes together."
    )
    margin: Share = Field(
        0.25, description="How far precision may lie below the opponent's, relative to it, and still be not worse."
    )
    min_blocks: Annotated[int, Field(ge=2)] = Field(8, description="Complete weeks that a verdict needs.")
    min_episodes: Count = Field(20, description="Independent crash episodes that a verdict needs.")


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
    worth: WorthSettings = WorthSettings()

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
