"""Every job: a named selection of the graph that a person, a schedule or the command line starts.

Names stand in `core.names`; jobs with logic of their own in `governance.jobs` and in the `jobs` of `operations`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlreg_dagster.config import ConfigError, Settings
from mlreg_dagster.core.names import (
    BACK_UP,
    BUNDLE,
    CORRECT,
    DATASET_ASSETS,
    DATASETS,
    EVALUATE,
    FOLLOW_UP,
    HOURLY,
    HOURLY_ASSETS,
    MARKET,
    MLFLOW_SYNC,
    OUTCOMES,
    PERFORMANCE,
    PERFORMANCE_ASSETS,
    PREDICTIONS,
    PROMOTE,
    PRUNE,
    REASONS,
    RESTORE,
    RETRAIN,
    ROLLOUT,
    SCORING,
    SERVED,
    SERVED_ASSETS,
    SERVED_OUTCOMES,
    TRAIN,
    TUNE,
    WEEKLY,
)
from mlreg_dagster.governance.checks import FROZEN_HOURS_UNCHANGED
from mlreg_dagster.governance.jobs import build_governance_jobs
from mlreg_dagster.integrations.mlflow.jobs import build_mlflow_job
from mlreg_dagster.operations.backup.jobs import build_backup_job
from mlreg_dagster.operations.retention.jobs import build_correct_job, build_prune_job, build_restore_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlreg_dagster.config.sections.automation import Tags
    from mlreg_dagster.orchestration.dagster_internals.queries import Job

__all__ = [
    "BACK_UP",
    "BUNDLE",
    "CORRECT",
    "DATASETS",
    "EVALUATE",
    "FOLLOW_UP",
    "HOURLY",
    "HOURLY_ASSETS",
    "MARKET",
    "MLFLOW_SYNC",
    "OUTCOMES",
    "PERFORMANCE",
    "PERFORMANCE_ASSETS",
    "PREDICTIONS",
    "PROMOTE",
    "PRUNE",
    "REASONS",
    "RESTORE",
    "RETRAIN",
    "ROLLOUT",
    "SCORING",
    "SERVED",
    "SERVED_ASSETS",
    "SERVED_OUTCOMES",
    "TRAIN",
    "TUNE",
    "WEEKLY",
    "build_jobs",
]


def build_jobs(settings: Settings, home: Path) -> "list[Job]":
    """All jobs; those of assets take their partitions and asset checks along.

    Args:
        settings: For the jobs that decide, the one that prunes, and the tags of runs.
        home: What it prunes.

    Raises:
        ConfigError: `run_tags` of automation.yaml names a job that is not one of assets.
    """
    tags = settings.automation.run_tags
    of_assets = _asset_jobs(tags)
    if unknown := sorted(set(tags) - {job.name for job in of_assets}):
        known = ", ".join(job.name for job in of_assets)
        raise ConfigError(
            f"automation.yaml: run_tags names {unknown[0]!r}, which is no job of assets; there are {known}"
        )
    return [
        *of_assets,
        *build_governance_jobs(settings, home),
        build_prune_job(PRUNE, settings, home),
        build_correct_job(CORRECT, settings),
        build_restore_job(RESTORE, settings),
        build_backup_job(BACK_UP, settings, home),
        build_mlflow_job(MLFLOW_SYNC, home),
    ]


def _asset_jobs(tags: "Mapping[str, Tags]") -> "list[Job]":
    def _job(name: str, description: str, selected: "tuple[str, ...] | dg.AssetSelection") -> "Job":
        selection = selected if isinstance(selected, dg.AssetSelection) else dg.AssetSelection.assets(*selected)
        return dg.define_asset_job(name, selection, description=description, tags=tags.get(name))

    return [
        _job(HOURLY, "One hour or a range: from snapshot to outcomes, reasons and sketches.", HOURLY_ASSETS),
        _job(MARKET, "One hour or a range: snapshots and features.", HOURLY_ASSETS[:2]),
        _job(PREDICTIONS, "One hour or a range: predictions and their reasons.", ("predictions", "prediction_reasons")),
        _job(SCORING, "One hour or a range: predictions, outcomes, reasons and sketches.", HOURLY_ASSETS[2:]),
        _job(
            FOLLOW_UP,
            "Hours whose market was late or repaired: features and what follows from them.",
            dg.AssetSelection.assets(*HOURLY_ASSETS[1:]) | dg.AssetSelection.checks(FROZEN_HOURS_UNCHANGED),
        ),
        _job(OUTCOMES, "One hour or a range: outcomes.", HOURLY_ASSETS[3:4]),
        _job(REASONS, "One hour or a range: reasons for what was flagged, and sketches.", HOURLY_ASSETS[4:]),
        _job(SERVED, "One hour or a range: what the server answered, from its log.", SERVED_ASSETS[:1]),
        _job(SERVED_OUTCOMES, "One hour or a range: outcomes of what the server answered.", SERVED_ASSETS[1:]),
        _job(DATASETS, "One day: freeze training dataset and holdout.", DATASET_ASSETS),
        _job(
            PERFORMANCE,
            "One day: how right each version was, what it is worth, and whether anything drifts.",
            PERFORMANCE_ASSETS,
        ),
        _job(
            TRAIN,
            "Train a new version and register it. Choose the partition `Add a partition`, and name it like the next "
            "free version: v1, v2, …; a version is trained once. The config names the model file and the dataset; its "
            "defaults are model.yaml and the newest dataset.",
            ("candidate_model",),
        ),
        _job(
            EVALUATE,
            "Evaluate the frozen artifact of a version against every gate. The partition is the version.",
            ("evaluated_model",),
        ),
        _job(
            RETRAIN,
            "Train a new version, then evaluate it. Partition and config as for `train`.",
            ("candidate_model", "evaluated_model"),
        ),
        _job(
            TUNE,
            "Search better parameters of a model file on days and plantings that no gate uses. Choose the partition "
            "`Add a partition`, and name the study; running it again goes on with it. The config names model file, "
            "dataset and budgets.",
            ("tuning_study",),
        ),
        _job(
            BUNDLE,
            "Write the evidence on a version as HTML, Markdown and JSON. The partition is the version.",
            ("delivery_bundle",),
        ),
        _job(WEEKLY, "Write the report on a week as one HTML file.", ("weekly_report",)),
    ]
