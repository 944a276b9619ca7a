"""drift.yaml: when drift is acted on, and how far what goes on by itself may go."""

from typing import Annotated

from pydantic import Field

from mlreg_dagster.config.section import Count, Section

_Z = Annotated[float, Field(gt=0)]


class DetectionSettings(Section):
    """detection of drift.yaml: when a day stands out from quiet days (decision 0030)."""

    fast_z: _Z = Field(
        4.5,
        description="Innovation of a statistic on the day, in its standard deviations, or in thirds of the largest of "
        "quiet days where that is more.",
    )
    slow_z: _Z = Field(6.0, description="|z| of features with a short memory, on two of three days.")
    persistent_z: _Z = Field(3.5, description="|z| of features with a short memory, on a day that counts as lasting.")
    week_z: _Z = Field(4.0, description="|z| of features with a short memory, on average of seven days.")
    quiet_days: Annotated[int, Field(ge=60, le=730)] = Field(180, description="Quiet days that are the null at most.")
    min_quiet_days: Annotated[int, Field(ge=20)] = Field(60, description="With fewer nothing is known.")
    gap_days: Annotated[int, Field(ge=0, le=90)] = Field(
        14, description="The newest quiet days that are no part of the null, so that what grows slowly is seen."
    )
    concept_days: Annotated[int, Field(ge=7)] = Field(28, description="Days of outcomes that concept drift looks at.")
    concept_drop: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.05, description="By how much recall must have become worse, beside being told from nothing."
    )
    concept_confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.99, description="Of that interval.")


class ResponseSettings(Section):
    """response of drift.yaml: from the facts of the days to a state and an action."""

    watch_days: Count = Field(7, description="Days that a watch lasts at least.")
    calm_days: Count = Field(7, description="Days in a row below `calm_z` after which a watch or a drift is over.")
    calm_z: Annotated[float, Field(gt=0)] = Field(
        3.0, description="A day on which no |z| of a feature with a short memory reaches it, and nothing else, is calm."
    )
    min_episodes: Count = Field(30, description="Crash episodes by which a champion that is worse is confirmed so.")
    chronic_days: Count = Field(14, description="Days after which a confirmed drift is no temporary one: it trains.")
    cooldown_days: Count = Field(7, description="Days after a promotion in which drift opens no watch.")
    unknown_days: Count = Field(3, description="Days in a row without enough evidence after which people are told.")
    deadline_days: Count = Field(7, description="Days after which a training without a result counts as failed.")
    trainings: Annotated[int, Field(ge=0)] = Field(
        2, description="Trainings within `budget_days` that automation starts beside the schedule; 0 = none."
    )
    budget_days: Count = Field(30, description="Days of that budget.")
    threshold_share: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.2, description="How far a frozen threshold may move during a temporary drift, relative to itself; 0 = not."
    )


class DriftSettings(Section):
    """drift.yaml: when something drifts, and what is done about it."""

    detection: DetectionSettings = DetectionSettings()
    response: ResponseSettings = ResponseSettings()
