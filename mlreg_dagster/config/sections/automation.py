"""automation.yaml and retraining.yaml: what goes on by itself."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, field_validator

from mlreg_dagster.config.section import Count, Section

Tags = Mapping[str, str | dict[str, Any]]
"""Tags of runs; a mapping goes to Dagster as JSON, as launchers expect it."""

_OF_PEOPLE = frozenset({"dagster/max_retries", "dagster/max_runtime", "dagster/priority", "dagster/retry_strategy"})


class AutomationSettings(Section):
    """automation.yaml: how work is cut into runs, the tags of runs, and what happens where one was cancelled."""

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
    run_tags: Mapping[str, Tags] = Field(
        {}, description="Tags of the runs of a job, by its name: what machine they get from a launcher; {} = none."
    )

    @field_validator("run_tags")
    @classmethod
    def _are_for_people_to_set(cls, jobs: Mapping[str, Tags]) -> Mapping[str, Tags]:
        for job, tags in jobs.items():
            taken = sorted(tag for tag in tags if tag.startswith("dagster/") and tag not in _OF_PEOPLE)
            if taken:
                raise ValueError(
                    f"{job}: Dagster sets {taken[0]} itself; of its own tags {_listed(_OF_PEOPLE)} can be set"
                )
        return jobs

    @property
    def pause(self) -> timedelta:
        """From the cancellation to the next request."""
        return timedelta(minutes=self.pause_minutes)

    @property
    def days_per_run(self) -> int | None:
        """Days that one run makes of what is made by day: those of `hours_per_run`, at least one."""
        return None if self.hours_per_run is None else max(self.hours_per_run // 24, 1)


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


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
