"""retention.yaml, `backups`: where backups of the home are made by themselves, and which of them are kept."""

from typing import Literal

from pydantic import Field

from mlreg_dagster.config.section import Count, Section
from mlreg_dagster.config.sections.audit import Place


class BackupSettings(Section):
    """The backups that `backup_schedule` makes and removes."""

    folder: Place | None = Field(None, description="Folder on another disk; null = none are made by themselves.")
    every: Literal["hour", "day"] = Field("day", description="How often one is made.")
    keep_days: Count = Field(7, description="Newest days of each of which the last backup is kept.")
    keep_weeks: Count = Field(5, description="Newest weeks of each of which the last backup is kept.")
