"""Sensors that give notice when a run fails, is cancelled, or never starts."""

import dagster as dg

from mlreg_dagster.automation import common
from mlreg_dagster.automation.notification import LogNotifier, NotDelivered, Notice, make_notifier
from mlreg_dagster.config import Settings
from mlreg_dagster.orchestration.failures import reason_of
from mlreg_dagster.orchestration.instance.repeated_requests import outlook
from mlreg_dagster.orchestration.instance.runs import cancel_those_that_never_started
from mlreg_dagster.orchestration.partitions import partitions_in_tags


def build_failure_sensor(settings: Settings) -> dg.SensorDefinition:
    """A notice of each run that failed."""

    @dg.run_failure_sensor(
        name="failure_sensor",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people that a run failed: in the log, or through the webhook of notifications.yaml.",
    )
    def failure_sensor(context: dg.RunFailureSensorContext) -> None:
        failures = context.get_step_failure_events()
        reason = reason_of(failures[0].step_failure_data.error) if failures else str(context.failure_event.message)
        _notify(settings, context.dagster_run, "failed", reason)

    return failure_sensor


def build_cancellation_sensor(settings: Settings) -> dg.SensorDefinition:
    """A notice of each run that was cancelled, with what happens next."""

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.CANCELED,
        name="cancellation_sensor",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people that a run was cancelled, and whether it is asked for again (see automation.yaml).",
    )
    def cancellation_sensor(context: dg.RunStatusSensorContext) -> None:
        run, event = context.dagster_run, str(context.dagster_event.message or "")
        next_ = outlook(context.instance, run, settings.automation)
        _notify(settings, run, "cancelled", f"{event} {next_}".strip())

    return cancellation_sensor


def build_never_started_sensor(by_name: common.Jobs) -> dg.SensorDefinition:
    """Cancels runs that should have begun and have not; notices and new requests follow as for any cancelled run."""

    @dg.sensor(
        name="never_started_sensor",
        minimum_interval_seconds=common.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Cancels runs that were asked for and never started, so that nothing waits for them.",
    )
    def never_started_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        cancelled = cancel_those_that_never_started(context.instance, by_name)
        if cancelled:
            return dg.SkipReason(f"Cancelled, since they never started: {', '.join(cancelled)}.")
        return dg.SkipReason("All runs that were asked for have started, or wait in the queue.")

    return never_started_sensor


def _notify(settings: Settings, run: dg.DagsterRun, event: str, message: str) -> None:
    notice = Notice(run.job_name, run.run_id, partitions_in_tags(run.tags), message, event=event)
    try:
        make_notifier(settings.notifications).notify(notice)
    except NotDelivered:
        LogNotifier().notify(notice)  # Dagster shows that the sensor failed, but doesn't call it again
        raise
