"""retraining.yaml and notifications.yaml: what goes on by itself, and who hears of it."""

from typing import Annotated

from pydantic import Field

from mlreg_dagster.config.section import Count, Section


class RetrainingSettings(Section):
    """retraining.yaml: which models are trained again, and how often."""

    models: tuple[str, ...] = Field(("model",), description="Config files, without .yaml.")
    every_days: Count = 7
    champion_max_age_days: Count = Field(30, description="Days after which an unchanged champion counts as stale.")


class NotificationSettings(Section):
    """notifications.yaml: who is told that a run failed."""

    webhook_url: Annotated[str, Field(pattern="^https?://")] | None = Field(
        None, description="Gets notices as JSON; null = the log."
    )
