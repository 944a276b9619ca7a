"""What happened to the training of a cause, as of the end of a day: by the registry, and by runs that failed."""

from collections.abc import Callable, Iterable
from datetime import date, datetime

import pandas as pd

from mlreg_dagster.models.manifests import cause_in
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.monitoring.response.decisions import Cause
from mlreg_dagster.monitoring.response.table import Training
from mlreg_dagster.registry import ModelVersion, Registry

FailedRuns = Callable[[str], Iterable[datetime]]
"""Gives the ends of the runs that were to train for a cause and failed, by its key."""


def training_of(registry: Registry, failed_runs: FailedRuns, cause: Cause, day: date) -> Training:
    """What had happened at the end of a day.

    A version that passed its gates and is not champion is under way: it waits for approvals, outcomes or a person.

    Args:
        registry: Where versions, evaluations and moves are.
        failed_runs: Gives the ends of runs that failed.
        cause: What is trained for.
        day: At whose end it is asked; what was recorded later does not count.
    """
    end = pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1)
    versions = [each for each in registry.versions() if each.created_at <= end and is_trained_for(each, cause.key)]
    if not versions:
        return "failed" if any(each <= end for each in failed_runs(cause.key)) else "none"
    newest = versions[-1]
    if any(move.version == newest.version and move.recorded_at <= end for move in registry.history(CHAMPION)):
        return "promoted"
    evaluations = [
        each for each in registry.evaluations(newest.version) if not each.is_experiment and each.recorded_at <= end
    ]
    if not evaluations:
        return "failed" if any(each <= end for each in failed_runs(cause.key)) else "under_way"
    return "under_way" if evaluations[-1].passed else "rejected"


def is_trained_for(version: ModelVersion, key: str) -> bool:
    """Whether a version was trained for a cause."""
    cause = cause_in(version.manifest)
    return cause is not None and cause["key"] == key
