"""Schedules and sensors, and nothing else: when the jobs run by themselves.

What is due is worked out in `monitoring/`; here it is turned into runs. All of them are on by default, but for the
schedule that deletes.
"""

import dagster as dg

from mlreg_dagster.automation.check_notices import build_check_sensor
from mlreg_dagster.automation.hours import build_catch_up_sensor, build_days_sensor, build_hourly_schedule
from mlreg_dagster.automation.notices import (
    build_cancellation_sensor,
    build_failure_sensor,
    build_never_started_sensor,
)
from mlreg_dagster.automation.pace import Jobs
from mlreg_dagster.automation.tidying import build_tidy_schedule
from mlreg_dagster.automation.versions import build_promote_sensor, build_retrain_sensor
from mlreg_dagster.config import Settings


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The hour that has just ended (days follow their hours, by sensor), and a weekly tidying."""
    return [build_hourly_schedule(settings), build_tidy_schedule()]


def build_sensors(settings: Settings, by_name: Jobs) -> list[dg.SensorDefinition]:
    """Catch-up, days, retraining, promotion, and notices of failed checks and of runs that failed or did not run."""
    return [
        build_catch_up_sensor(settings, by_name),
        build_days_sensor(settings, by_name),
        build_retrain_sensor(settings, by_name),
        build_promote_sensor(settings, by_name),
        build_failure_sensor(settings),
        build_cancellation_sensor(settings),
        build_never_started_sensor(by_name),
        build_check_sensor(settings),
    ]
