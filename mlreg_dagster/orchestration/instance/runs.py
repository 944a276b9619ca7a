"""What the instance knows of runs: which are under way, which failed a moment ago, which never started.

All times here are the machine's, as Dagster writes them. A clock that was put back leaves times that are still to
come; one that is far off, before or after, is no reason to wait.
"""

from collections.abc import Iterable, Iterator, Mapping

import dagster as dg
import pandas as pd

PAUSE_AFTER_A_FAILURE = pd.Timedelta(minutes=10)
DEAD_AFTER = pd.Timedelta(minutes=30)
"""A run whose process was killed stays `started` for ever; one that is silent for so long is taken for dead."""
STARTED_WITHIN = pd.Timedelta(minutes=5)
"""A run that was made or launched and has not begun by then never will: what should start it has died."""

_BEGINNING = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]
UNDER_WAY = [
    *_BEGINNING,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def under_way(instance: dg.DagsterInstance, jobs: Iterable[str]) -> str | None:
    """Which of these jobs is running or about to, in words; None if none is."""
    return next(_under_way(instance, jobs), None)


def all_under_way(instance: dg.DagsterInstance, jobs: Iterable[str]) -> list[str]:
    """All runs of these jobs that are running or about to, each in words."""
    return list(_under_way(instance, jobs))


def _under_way(instance: dg.DagsterInstance, jobs: Iterable[str]) -> Iterator[str]:
    for job in jobs:
        for record in instance.get_run_records(dg.RunsFilter(job_name=job, statuses=UNDER_WAY)):
            if is_alive(instance, record):
                yield f"{named(record.dagster_run)} is {_IN_WORDS.get(record.dagster_run.status, 'under way')}."


def failed_just_now(instance: dg.DagsterInstance, jobs: Iterable[str]) -> str | None:
    """Which of these jobs is to be left alone since its last run has just failed, in words; None if none is."""
    for job in jobs:
        newest = instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)
        if newest and newest[0].dagster_run.status == dg.DagsterRunStatus.FAILURE:
            ended = ended_at(newest[0])
            if abs(_now() - ended) < PAUSE_AFTER_A_FAILURE:
                again = ended + PAUSE_AFTER_A_FAILURE
                return f"{named(newest[0].dagster_run)} failed; the job is tried again at {again:%H:%M} UTC."
    return None


def cancel_those_that_never_started(instance: dg.DagsterInstance, jobs: Iterable[str]) -> list[str]:
    """Cancel the runs of these jobs that should have begun and have not, so that nothing waits for them.

    A queued run is not among them: the queue takes it when a slot is free. A process that starts a cancelled run after
    all leaves it alone.

    Returns:
        The ids of those runs.
    """
    cancelled = []
    for job in jobs:
        for record in instance.get_run_records(dg.RunsFilter(job_name=job, statuses=_BEGINNING)):
            if abs(_now() - _last_sign_of_life(instance, record)) >= STARTED_WITHIN:
                minutes = STARTED_WITHIN // pd.Timedelta(minutes=1)
                message = f"It never started: it had not begun {minutes} minutes after it was asked for."
                instance.report_run_canceled(record.dagster_run, message)
                cancelled.append(record.dagster_run.run_id)
    return cancelled


def cancel_those_left(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> list[str]:
    """Cancel the runs with these tags that have not ended, as the process that executed them is known to be dead.

    Returns:
        The ids of those runs.
    """
    left = instance.get_runs(dg.RunsFilter(tags=dict(tags), statuses=UNDER_WAY))
    for run in left:
        instance.report_run_canceled(run, "The process that executed it ended before it did.")
    return [run.run_id for run in left]


def named(run: dg.DagsterRun) -> str:
    """A run, for people."""
    return f"Run {run.run_id[:8]} of {run.job_name}"


def ended_at(record: dg.RunRecord) -> pd.Timestamp:
    """When a run ended."""
    return pd.Timestamp(record.end_time or 0, unit="s", tz="UTC")


_IN_WORDS = {
    dg.DagsterRunStatus.QUEUED: "in the queue, until a slot is free",
    dg.DagsterRunStatus.CANCELING: "being cancelled",
}


def is_alive(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """Whether a run that is under way shows a sign of life: what should have started it, or it itself, may be dead."""
    status = record.dagster_run.status
    if status == dg.DagsterRunStatus.QUEUED:
        return True
    bound = STARTED_WITHIN if status in _BEGINNING else DEAD_AFTER
    return abs(_now() - _last_sign_of_life(instance, record)) < bound


def run_times(instance: dg.DagsterInstance) -> list[pd.Timestamp]:
    """When each run was recorded, by the clock of then, the run that was recorded last first."""
    return [pd.Timestamp(record.create_timestamp) for record in instance.get_run_records()]


def newest_run_time(instance: dg.DagsterInstance, but_for: str | None) -> pd.Timestamp | None:
    """When the run that was recorded last was recorded, by the clock of then.

    Args:
        instance: Whose runs.
        but_for: The id of a run that does not count.
    """
    records = instance.get_run_records(limit=2)
    times = [pd.Timestamp(each.create_timestamp) for each in records if each.dagster_run.run_id != but_for]
    return times[0] if times else None


def _last_sign_of_life(instance: dg.DagsterInstance, record: dg.RunRecord) -> pd.Timestamp:
    newest = instance.get_records_for_run(record.dagster_run.run_id, limit=1, ascending=False).records
    if not newest:
        return pd.Timestamp(record.create_timestamp)
    return pd.Timestamp(newest[0].timestamp, unit="s", tz="UTC")


def _now() -> pd.Timestamp:
    return pd.Timestamp.now(tz="UTC")
