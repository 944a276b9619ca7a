"""The schedule of the weekly retention; what is deleted is decided in `operations.retention`."""

import dagster as dg

from mlreg_dagster import jobs


def build_tidy_schedule() -> dg.ScheduleDefinition:
    """Deletes what retention.yaml does not keep; off until a user switches it on."""
    return dg.ScheduleDefinition(
        name="tidy_schedule",
        job_name=jobs.TIDY,
        cron_schedule="30 3 * * 0",
        default_status=dg.DefaultScheduleStatus.STOPPED,  # it deletes what retention.yaml does not keep
        description="Sundays: clears away what retention.yaml does not keep. Switch it on if you want that.",
    )
