"""Runs as the daemon makes them of what a sensor asks for, and a person cancels them."""

import dagster as dg
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from mlreg_dagster_tests.location import Location

HOURS_DUE = "2026-01-02T02:30"


def cancelled(location: Location, sensor: str) -> list[dg.DagsterRun]:
    """What a sensor asks for, made into runs that a person cancels before they have done anything."""
    answer = location.ask(sensor)
    for request in answer.dynamic_partitions_requests or []:
        location.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    runs = []
    for request in answer.run_requests or []:
        run = made(location, request, request.job_name or location.repository.get_sensor_def(sensor).job_name, sensor)
        location.instance.report_run_canceled(run)
        runs.append(run)
    return runs


def made(location: Location, request: dg.RunRequest, job: str, sensor: str, status="STARTING") -> dg.DagsterRun:
    """A run as the daemon makes it of a request."""
    assert not (request.run_key and location.runs_with("run_key", request.run_key)), "the daemon would skip this key"
    tags = {**request.tags, "dagster/sensor_name": sensor}
    tags |= {"dagster/run_key": request.run_key} if request.run_key else {}
    tags |= {"dagster/partition": request.partition_key} if request.partition_key else {}
    definition = location.world.definitions.resolve_job_def(job)
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("mlreg_dagster"), "__repository__")
    return location.instance.create_run_for_job(
        definition,
        run_config=dict(request.run_config),
        tags=tags,
        status=dg.DagsterRunStatus[status],
        remote_job_origin=RemoteJobOrigin(repository, job) if status == "QUEUED" else None,
    )
