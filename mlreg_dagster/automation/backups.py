"""The schedule that backs the home up; where to, how often, and whether, retention.yaml says."""

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.core.names import BACK_UP, BACKUP_SCHEDULE

_CRON = {"hour": "40 * * * *", "day": "40 2 * * *"}


def build_backup_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Each hour or day; on where retention.yaml names a folder."""
    chosen = settings.retention.backups
    return dg.ScheduleDefinition(
        name=BACKUP_SCHEDULE,
        job_name=BACK_UP,
        cron_schedule=_CRON[chosen.every],
        default_status=dg.DefaultScheduleStatus.RUNNING if chosen.folder else dg.DefaultScheduleStatus.STOPPED,
        description="Backs the home up, each hour or day; off until retention.yaml names a folder.",
    )
