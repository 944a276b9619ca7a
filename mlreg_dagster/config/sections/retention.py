"""retention.yaml: how long what grows is kept."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mlreg_dagster.config.section import Count, Section, Share
from mlreg_dagster.config.sections.backups import BackupSettings


class RetentionSettings(Section):
    """retention.yaml: days after which something may go; None = never.

    Datasets, models, the registry, predictions, outcomes and the records of runs have no such setting: they
    answer what a version was made of and whether it was right.
    """

    raw_days: Count | None = Field(None, description="Landed payloads of hours whose snapshots are stored.")
    snapshot_days: Count | None = Field(None, description="Rows of market_snapshot.")
    feature_days: Count | None = Field(None, description="Rows of market_features.")
    served_segment_days: Count | None = Field(7, description="Segments of the prediction log whose answers are stored.")
    served_feature_days: Count | None = Field(None, description="Parquet files with the features of answers.")
    rollout_count_days: Count | None = Field(90, description="What servers counted for rollouts that have ended.")
    run_log_days: Count | None = Field(90, description="Step logs of ended runs that made no version or move.")
    tick_days: Annotated[int, Field(ge=2)] | None = Field(30, description="Ticks of schedules and sensors.")
    lake_history_days: Count = Field(30, description="How far back a lake says what its tables held at a time.")
    compact_free_share: Share = Field(0.2, description="Free share of the DuckDB file from which it is written again.")
    backups: BackupSettings = BackupSettings()

    @model_validator(mode="after")
    def _features_go_first(self) -> Self:
        if self.snapshot_days is not None and (self.feature_days is None or self.feature_days > self.snapshot_days):
            raise ValueError("feature_days must be set and at most snapshot_days: features are made from snapshots")
        return self
