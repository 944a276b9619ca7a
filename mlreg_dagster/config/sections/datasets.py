"""datasets.yaml: what a frozen dataset holds."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mlreg_dagster.config.section import Count, Section, Share


class QualityLimits(Section):
    """When a day, or one instrument on a day, is of low quality; see `low_quality`."""

    max_null_share: Share = Field(0.2, description="Of a day's rows, those that lost a feature they should know.")
    min_universe_share: Share = Field(0.6, description="Of the usual instruments, those that a day has at least.")
    max_thin_hours_share: Share = Field(0.5, description="Of a day's hours, those with fewer instruments than that.")
    max_impossible_share: Share = Field(
        0.02, description="Of a day's prices, those that moved more than max_abs_change_1h_pct of ingest.yaml."
    )
    max_instrument_null_share: Share = Field(0.5, description="Of an instrument's rows of a day, as max_null_share.")
    max_frozen_hours: Annotated[int, Field(ge=1, le=24)] = Field(
        12, description="Hours of a day in a row in which the price of an instrument may stand still."
    )
    replace_days: Annotated[int, Field(ge=0, le=60)] = Field(
        7, description="How many days before its window training may reach back, to replace days that are left out."
    )
    wait_hours: Annotated[int, Field(ge=0)] = Field(
        24, description="With `wait`: from the end of the dataset's day on until bad days are left out."
    )


class DatasetSettings(Section):
    """datasets.yaml: the dataset of day D ends with D.

    A training window of 168 h or more holds each hour of the week, so that none is new in the holdout. A shorter one is
    allowed; the check `weekdays_are_known` on the holdout says what it costs.
    """

    history_hours: Annotated[int, Field(ge=2)] = 192
    holdout_hours: Annotated[int, Field(ge=1)] = 24
    embargo_hours: Annotated[int, Field(ge=0)] = Field(
        0, description="Between training and holdout. Labelled rows keep the label horizon apart, whatever stands here."
    )
    min_snapshots_per_instrument: Count = 24
    min_training_hours: Count = Field(150, description="Hours of the training window that must have rows.")
    min_holdout_hours: Count = 20
    low_quality: Literal["exclude", "wait", "refuse"] = Field(
        "exclude",
        description="Days of low quality are left out and replaced by earlier ones, left out once there was time to "
        "repair them, or not made a dataset of.",
    )
    quality: QualityLimits = QualityLimits()
    label_days: Annotated[int, Field(ge=1, le=2000)] | None = Field(
        None,
        description="Days of labelled rows that a training dataset holds besides, for crash_classifier; null = none.",
    )

    @property
    def training_hours(self) -> int:
        """Length of the training window."""
        return self.history_hours - self.holdout_hours - self.embargo_hours

    def label_reach_hours(self, horizon_hours: int) -> int:
        """How far back from the end of its day a dataset reads for labelled rows; 0 without them.

        Args:
            horizon_hours: From a row to its outcome.
        """
        if self.label_days is None:
            return 0
        return self.label_days * 24 + self.label_embargo_hours(horizon_hours) + self.holdout_hours

    def label_embargo_hours(self, horizon_hours: int) -> int:
        """Between the end of the labelled window and the holdout: never less than the horizon."""
        return max(self.embargo_hours, horizon_hours)

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        if self.training_hours < 1:
            raise ValueError("history_hours must be more than holdout_hours + embargo_hours")
        if self.min_training_hours > self.training_hours:
            raise ValueError(f"min_training_hours must be at most the training window ({self.training_hours} h)")
        if self.min_holdout_hours > self.holdout_hours:
            raise ValueError(f"min_holdout_hours must be at most holdout_hours ({self.holdout_hours} h)")
        return self
