"""What the instance knows of runs: which are under way, which failed a moment ago, what was asked for before.

All times here are the machine's, as Dagster writes them. A clock that was put back leaves times that are still to
come; one that is far off, before or after, is no reason to wait.
"""

from collections.abc import Iterable

import dagster as dg
import pandas as pd

PAUSE_AFTER_A_FAILURE = pd.Timedelta(minutes=10)
DEAD_AFTER = pd.Timedelta(minutes=30)
"""A run whose process was killed stays `started` for ever; one that is silent for so long is taken for dead."""

_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def under_way(instance: dg.DagsterInstance, jobs: Iterable[str]) -> str | None:
    """Which of these jobs is running or about to, in words; None if none is."""
    for job in jobs:
        records = instance.get_run_records(dg.RunsFilter(job_name=job, statuses=_UNDER_WAY))
        if any(abs(_now() - _last_sign_of_life(instance, record)) < DEAD_AFTER for record in records):
            return f"A run of {job} is under way."
    return None


def failed_just_now(instance: dg.DagsterInstance, jobs: Iterable[str]) -> str | None:
    """Which of these jobs is to be left alone since its last run has just failed, in words; None if none is."""
    for job in jobs:
        newest = instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)
        if newest and newest[0].dagster_run.status == dg.DagsterRunStatus.FAILURE:
            ended = pd.Timestamp(newest[0].end_time or 0, unit="s", tz="UTC")
            if abs(_now() - ended) < PAUSE_AFTER_A_FAILURE:
                return f"The last run of {job} failed; it is tried again ten minutes after."
    return None


def was_requested(instance: dg.DagsterInstance, run_key: str) -> bool:
    """Whether a sensor has started a run under this key."""
    return instance.get_runs_count(dg.RunsFilter(tags={"dagster/run_key": run_key})) > 0


def _last_sign_of_life(instance: dg.DagsterInstance, record: dg.RunRecord) -> pd.Timestamp:
    newest = instance.get_records_for_run(record.dagster_run.run_id, limit=1, ascending=False).records
    if not newest:
        return pd.Timestamp(record.create_timestamp)
    return pd.Timestamp(newest[0].timestamp, unit="s", tz="UTC")


def _now() -> pd.Timestamp:
    return pd.Timestamp.now(tz="UTC")
