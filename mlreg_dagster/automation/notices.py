"""Who is told when a run fails."""

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.monitoring.notification import LogNotifier, NotDelivered, Notice, make_notifier
from mlreg_dagster.orchestration.failures import reason_of
from mlreg_dagster.orchestration.partitions import partitions_in_tags


def build_failure_sensor(settings: Settings) -> dg.SensorDefinition:
    """A notice of each run that failed."""

    @dg.run_failure_sensor(
        name="failure_sensor",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people that a run failed: in the log, or through the webhook of notifications.yaml.",
    )
    def failure_sensor(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        failures = context.get_step_failure_events()
        reason = reason_of(failures[0].step_failure_data.error) if failures else str(context.failure_event.message)
        notice = Notice(run.job_name, run.run_id, partitions_in_tags(run.tags), reason)
        try:
            make_notifier(settings.notifications).notify(notice)
        except NotDelivered:
            LogNotifier().notify(notice)  # Dagster shows that the sensor failed, but doesn't call it again
            raise

    return failure_sensor
