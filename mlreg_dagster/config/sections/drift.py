"""drift.yaml: when drift is acted on, and how far what goes on by itself may go."""

from typing import Annotated

from pydantic import Field

from mlreg_dagster.config.section import Count, Section


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
    """drift.yaml: what is done about drift."""

    response: ResponseSettings = ResponseSettings()
