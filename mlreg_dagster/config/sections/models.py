"""model.yaml and its variants: which detector, trained how."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mlreg_dagster.config.section import Count, Section, Share

Params = dict[str, float | int | str | bool]
_FOREST = "isolation_forest"


def _default_params(settings: Mapping[str, Any]) -> Params:
    """Those of the default detector; any other has the defaults of its own code."""
    return {"n_estimators": 200, "max_samples": 1.0} if settings.get("detector") == _FOREST else {}


class FlaggingSettings(Section):
    """flagging of model.yaml: which rows of an hour are flagged."""

    policy: Literal["trailing_share", "top_k", "frozen"] = Field(
        "trailing_share",
        description="trailing_share: a share of the rows of the trailing days; top_k: so many rows an hour; frozen: "
        "rows above the threshold of the training rows.",
    )
    budget: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.08, description="Share of the rows that is flagged, of the trailing days or (top_k without k) of each hour."
    )
    days: Annotated[int, Field(ge=1, le=31)] = Field(7, description="Trailing days of trailing_share, by the clock.")
    min_share: Share = Field(0.075, description="Least share that trailing_share flags over the trailing days.")
    max_share: Share = Field(0.085, description="The largest; where no whole number of rows lies between, this holds.")
    k: Count | None = Field(None, description="Rows an hour of top_k; null = the budget's share, rounded up.")

    @model_validator(mode="after")
    def _budget_within_its_bounds(self) -> Self:
        if self.policy == "trailing_share" and not self.min_share <= self.budget <= self.max_share:
            raise ValueError("budget must lie between min_share and max_share")
        return self


FROZEN = FlaggingSettings(policy="frozen")
"""The threshold of the training rows, for ever."""


class ModelSettings(Section):
    """model.yaml and its variants: which detector, trained how."""

    detector: Annotated[str, Field(min_length=1)] = Field(
        _FOREST, description="isolation_forest, local_outlier_factor, robust_z_score, or one of a plug-in."
    )
    params: Params = Field(
        default_factory=_default_params,
        description="Keyword arguments of the detector; this default is the isolation forest's, that of others is {}.",
    )
    contamination: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.08, description="Share of the training rows above the frozen threshold, which in-sample hours get, too."
    )
    seed: Annotated[int, Field(ge=0)] = 42
    features: tuple[str, ...] | None = Field(None, description="null = every engineered feature.")
    max_training_rows: Count = Field(50_000, description="A larger training set is sampled to this, seeded.")
    flagging: FlaggingSettings = FlaggingSettings()
