"""outcomes.yaml: how the outcome of a prediction is determined, and which simple rankings stand beside the models."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from mlreg_dagster.config.section import Count, Section, Share
from mlreg_dagster.config.sections.models import FROZEN, FlaggingSettings

RankingName = Literal["volatility", "absolute_change", "fall", "volume_jump", "drawdown", "robust_z"]

_PANEL: tuple[RankingName, ...] = get_args(RankingName)


class OwnRanking(Section):
    """A ranking by one column of market_features."""

    column: Annotated[str, Field(min_length=1)]
    by: Literal["value", "negative", "absolute"] = Field(
        "value", description="What is sorted by: the value, largest first, its negative, or its distance from 0."
    )


class RankingSettings(Section):
    """rankings of outcomes.yaml: scores of one column each, that every model is held against."""

    panel: tuple[RankingName, ...] = Field(_PANEL, description=f"Which of {', '.join(_PANEL)}.")
    own: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")], OwnRanking] = Field(
        {}, description="Further ones, by name: {column: …, by: value | negative | absolute}."
    )
    flagging: FlaggingSettings = Field(
        FlaggingSettings(), description="The flag policy of all of them, as in model.yaml; a ranking can't be frozen."
    )

    @field_validator("flagging")
    @classmethod
    def _is_not_frozen(cls, flagging: FlaggingSettings) -> FlaggingSettings:
        if flagging.policy == FROZEN.policy:
            raise ValueError("a ranking is trained on nothing and has no frozen threshold: trailing_share or top_k")
        return flagging

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        if taken := sorted(self.own.keys() & set(_PANEL)):
            raise ValueError(f"own rankings must not have names of the panel: {', '.join(taken)}")
        if len(set(self.panel)) < len(self.panel):
            raise ValueError("panel names a ranking twice")
        return self


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


class ReasonSettings(Section):
    """outcomes.yaml: how the reasons for flags are computed."""

    pairs: Annotated[int, Field(ge=0, le=64)] = Field(
        3, description="Orders of the families that are walked forward and backward; 0 = no reasons."
    )
    families: Annotated[int, Field(ge=1, le=12)] = Field(3, description="How many families are named for a flag.")


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
    rankings: RankingSettings = RankingSettings()
    worth: WorthSettings = WorthSettings()
    reasons: ReasonSettings = ReasonSettings()

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
