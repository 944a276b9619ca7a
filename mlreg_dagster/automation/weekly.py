"""The weekly schedules: retention, whose deletions are decided in `operations.retention`, and the weekly report."""

import dagster as dg

from mlreg_dagster import jobs


def build_prune_schedule() -> dg.ScheduleDefinition:
    """Deletes what retention.yaml does not keep; off until a user switches it on."""
    return dg.ScheduleDefinition(
        name="prune_schedule",
        job_name=jobs.PRUNE,
        cron_schedule="30 3 * * 0",
        default_status=dg.DefaultScheduleStatus.STOPPED,  # it deletes what retention.yaml does not keep
        description="Sundays: clears away what retention.yaml does not keep. Switch it on if you want that.",
    )


def build_weekly_schedule() -> dg.ScheduleDefinition:
    """Reports the last whole week, once the outcomes of its Sunday have fallen due."""
    return dg.ScheduleDefinition(
        name="weekly_schedule",
        job_name=jobs.WEEKLY,
        cron_schedule="30 4 * * 2",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Tuesdays, when the outcomes of the last whole week have fallen due: the report on that week.",
    )
