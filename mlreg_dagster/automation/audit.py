"""The schedule that publishes the head of the audit log; where to, and whether, audit.yaml says."""

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.core.names import AUDIT_SCHEDULE, PUBLISH_HEAD

_CRON = {"hour": "20 * * * *", "day": "20 0 * * *"}


def build_audit_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Publishes each hour or day; on where audit.yaml names a place."""
    status = dg.DefaultScheduleStatus.RUNNING if settings.audit.publishes else dg.DefaultScheduleStatus.STOPPED
    return dg.ScheduleDefinition(
        name=AUDIT_SCHEDULE,
        job_name=PUBLISH_HEAD,
        cron_schedule=_CRON[settings.audit.every],
        default_status=status,
        description="Publishes the head of the audit log, each hour or day; off until audit.yaml names a place.",
    )
