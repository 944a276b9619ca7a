"""How jobs stand: the last run of each that has ended, and the newest partition of an asset."""

from collections.abc import Iterable, Iterator, Mapping

import dagster as dg

from mlreg_dagster.orchestration.failures import reason_of

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def failed_last(
    instance: dg.DagsterInstance, jobs: Iterable[str], tags: Mapping[str, str] | None = None
) -> Iterator[tuple[dg.DagsterRun, str]]:
    """The last run of each of these jobs, where it failed, and why.

    Args:
        instance: Whose runs count.
        jobs: Which jobs.
        tags: Of the runs that count; None: all do.
    """
    for job in jobs:
        newest = instance.get_runs(dg.RunsFilter(job_name=job, statuses=_ENDED, tags=dict(tags or {})), limit=1)
        if newest and newest[0].status == dg.DagsterRunStatus.FAILURE:
            yield newest[0], _reason(instance, newest[0].run_id)


def newest_partition(instance: dg.DagsterInstance, asset: str) -> str | None:
    """The highest partition key of an asset that was materialized; None where none was."""
    made = instance.get_latest_storage_id_by_partition(dg.AssetKey(asset), dg.DagsterEventType.ASSET_MATERIALIZATION)
    return max(made, default=None)


def _reason(instance: dg.DagsterInstance, run_id: str) -> str:
    steps = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1).records
    for record in steps:
        event = record.event_log_entry.dagster_event
        if event is not None:
            return reason_of(event.step_failure_data.error)
    return "It failed outside of its steps: see its page."
