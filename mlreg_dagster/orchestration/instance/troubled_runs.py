"""What went wrong in runs between two times, as Dagster's storage remembers it: failures, cancellations, retries."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from mlreg_dagster.orchestration.failures import reason_of
from mlreg_dagster.orchestration.instance.runs import named

_MOST = 1_000
_ENDED_BADLY = {dg.DagsterRunStatus.FAILURE: "failed", dg.DagsterRunStatus.CANCELED: "was cancelled"}
_STARTED_BY = ("dagster/sensor_name", "dagster/schedule_name", "dagster/parent_run_id")


@dataclass(frozen=True)
class TroubledRun:
    """One thing that happened in a run.

    Attributes:
        at: When.
        run_id: Of the run.
        text: What happened.
        started_by: The sensor or schedule, or the run that it repeats; empty: a person or a command.
        reason: Why, as the run says.
    """

    at: datetime
    run_id: str
    text: str
    started_by: str
    reason: str


def runs_between(first: datetime, last: datetime, instance: dg.DagsterInstance | None = None) -> list[TroubledRun]:
    """Runs that failed or were cancelled, and steps that were tried again, the newest run first.

    Args:
        first: Runs that were asked for from then on.
        last: And until then; at most a thousand, the newest ones.
        instance: Whose runs; None: the one that DAGSTER_HOME names.
    """
    if instance is None:
        with dg.DagsterInstance.get() as own:
            return runs_between(first, last, own)
    asked = dg.RunsFilter(created_after=first, created_before=last)
    return [each for record in instance.get_run_records(asked, limit=_MOST) for each in _of(instance, record)]


def _of(instance: dg.DagsterInstance, record: dg.RunRecord) -> Iterator[TroubledRun]:
    run = record.dagster_run
    started_by = next((run.tags[tag] for tag in _STARTED_BY if tag in run.tags), "")
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY):
        event = entry.dagster_event
        reason = reason_of(event.step_retry_data.error) if event is not None else ""
        at = datetime.fromtimestamp(entry.timestamp, UTC)
        yield TroubledRun(at, run.run_id, f"{named(run)}: step {entry.step_key} is tried again", started_by, reason)
    if run.status in _ENDED_BADLY:
        failures = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        event = failures[0].dagster_event if failures else None
        reason = reason_of(event.step_failure_data.error) if event is not None else ""
        at = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)
        yield TroubledRun(at, run.run_id, f"{named(run)} {_ENDED_BADLY[run.status]}", started_by, reason)
