"""automation.yaml and retraining.yaml: what goes on by itself."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from mlreg_dagster.config.section import Count, Section


class AutomationSettings(Section):
    """automation.yaml: how work is cut into runs, and what happens to work whose run was cancelled."""

    hours_per_run: Count | None = Field(
        None, description="Hours of a backfill, a replay or a catch-up that one run makes; null = all of them."
    )
    earlier_hours_minutes: Count = Field(
        60, description="How long a run waits for runs of earlier hours that it reads, where hours_per_run is set."
    )
    trainings_at_once: Count | None = Field(
        None, description="Versions that are trained and evaluated side by side; null = one at a time."
    )

    ask_again: int = Field(2, ge=0, description="Times that the same work is asked for again.")
    pause_minutes: Count = Field(10, description="From the cancellation to the next request.")

    @property
    def pause(self) -> timedelta:
        """From the cancellation to the next request."""
        return timedelta(minutes=self.pause_minutes)

    @property
    def days_per_run(self) -> int | None:
        """Days that one run makes of what is made by day: those of `hours_per_run`, at least one."""
        return None if self.hours_per_run is None else max(self.hours_per_run // 24, 1)


class VolumeSettings(Section):
    """volume of retraining.yaml: how much new data starts a training; null = none does."""

    rows: Count | None = Field(None, description="Rows of features since the champion's training.")
    instruments_share: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Of the instruments of the last day, those that the champion's training did not know."
    )


class RetrainingSettings(Section):
    """retraining.yaml: which models are trained again, and how often."""

    models: tuple[str, ...] = Field(("model",), description="Config files, without .yaml.")
    every_days: Count = 7
    champion_max_age_days: Count = Field(30, description="Days after which an unchanged champion counts as stale.")
    volume: VolumeSettings = VolumeSettings()
