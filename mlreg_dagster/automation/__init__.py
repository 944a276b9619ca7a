"""Schedules and sensors: when the jobs run on their own.

`backlog` and `retraining` work out what is due and know nothing of Dagster; the other modules turn it into runs. All
schedules and sensors are on by default, except for the schedule that deletes and, until a place is configured, those
that publish the head of the audit log, make backups and mirror the registry into MLflow.
"""

from pathlib import Path

import dagster as dg

from mlreg_dagster.automation.alerts.sensor import build_alert_sensor
from mlreg_dagster.automation.audit import build_audit_schedule
from mlreg_dagster.automation.backups import build_backup_schedule
from mlreg_dagster.automation.common import Jobs
from mlreg_dagster.automation.failures.checks import build_check_sensor
from mlreg_dagster.automation.failures.runs import (
    build_cancellation_sensor,
    build_failure_sensor,
    build_never_started_sensor,
)
from mlreg_dagster.automation.ingestion import build_catch_up_sensor, build_days_sensor, build_hourly_schedule
from mlreg_dagster.automation.mlflow import build_mlflow_sensor
from mlreg_dagster.automation.models import build_promote_sensor
from mlreg_dagster.automation.notification import require_known_notifier
from mlreg_dagster.automation.retraining.sensor import build_retrain_sensor
from mlreg_dagster.automation.rollout import build_rollout_sensor
from mlreg_dagster.automation.served import build_served_sensor
from mlreg_dagster.automation.weekly import build_prune_schedule, build_weekly_schedule
from mlreg_dagster.config import Settings
from mlreg_dagster.monitoring.alerts.rules import require_known_rules


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The hour that has just ended (days follow, by sensor), pruning, the weekly report, heads of the log, backups."""
    return [
        build_hourly_schedule(settings),
        build_prune_schedule(),
        build_weekly_schedule(),
        build_audit_schedule(settings),
        build_backup_schedule(settings),
    ]


def build_sensors(settings: Settings, by_name: Jobs, home: Path) -> list[dg.SensorDefinition]:
    """Catch-up, served answers, days, retraining, promotion, rollouts, notices of what failed, alerts, MLflow.

    Raises:
        ConfigError: The settings name a notifier that no plug-in registers, or an alert rule that there is not.
    """
    require_known_notifier(settings.notifications)
    require_known_rules(settings.notifications)
    return [
        build_catch_up_sensor(settings, by_name),
        build_served_sensor(settings, by_name, home),
        build_days_sensor(settings, by_name),
        build_retrain_sensor(settings, by_name, home),
        build_promote_sensor(settings, by_name),
        build_rollout_sensor(settings, by_name, home),
        build_failure_sensor(settings),
        build_cancellation_sensor(settings),
        build_never_started_sensor(by_name),
        build_check_sensor(settings),
        build_alert_sensor(settings, home),
        build_mlflow_sensor(by_name, home),
    ]
