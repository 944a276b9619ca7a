"""The sensor that gives notice when an asset check fails."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from mlreg_dagster.automation import common
from mlreg_dagster.automation.notification import LogNotifier, NotDelivered, Notice, make_notifier
from mlreg_dagster.config import Settings
from mlreg_dagster.core.names import RESULT_ASSETS
from mlreg_dagster.monitoring.drift.checks import DATA_IN_ORDER
from mlreg_dagster.monitoring.response.checks import NO_DRIFT
from mlreg_dagster.orchestration.instance.check_log import latest_results
from mlreg_dagster.orchestration.partitions import partitions_in_tags

_OF_ALERTS = (NO_DRIFT, DATA_IN_ORDER)
"""Checks on what drift decisions tell people as alerts."""


def build_check_sensor(settings: Settings) -> dg.SensorDefinition:
    """A notice of each check that begins to fail, for the version it is about; warnings give none."""

    @dg.sensor(
        name="check_sensor",
        minimum_interval_seconds=common.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people that a check fails, once until it passes again or is about another version: in the "
        "log, or through the webhook of notifications.yaml.",
    )
    def check_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        keys = context.repository_def.asset_graph.asset_check_keys  # type: ignore[union-attr]
        failing = {
            f"{key.name} of {key.asset_key.to_user_string()}": row
            for key, row in failing_checks(context.instance, keys).items()
        }
        notified: dict[str, str] = json.loads(context.cursor or "{}")
        causes = {check: _version_in(row["values"]) for check, row in failing.items()}
        fresh = [check for check, cause in causes.items() if notified.get(check) != cause]
        undelivered = [check for check in fresh if not _notify(settings, context.instance, check, failing[check])]
        remembered = {check: cause for check, cause in causes.items() if check not in undelivered}
        summary = f"Failing: {', '.join(failing) or 'none'}. Told now: {', '.join(fresh) or 'nothing'}."
        if undelivered:
            summary += f" The webhook did not take, to be tried again: {', '.join(undelivered)}."
        return dg.SensorResult(skip_reason=summary, cursor=json.dumps(remembered))

    return check_sensor


def failing_checks(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey]
) -> dict[dg.AssetCheckKey, dict[str, Any]]:
    """The newest result of each of these checks that fails.

    Left out are warnings, results that people asked for, and checks that alerts of drift tell of.
    """
    watched = [
        key for key in keys if key.asset_key.to_user_string() not in RESULT_ASSETS and key.name not in _OF_ALERTS
    ]
    return {
        key: row
        for key, row in latest_results(instance, watched).items()
        if not row["passed"] and row["severity"] == dg.AssetCheckSeverity.ERROR.value
    }


def _version_in(values: Mapping[str, Any]) -> str:
    return str(values.get("version") or values.get("champion") or "")


def _notify(settings: Settings, instance: dg.DagsterInstance, check: str, row: dict[str, str]) -> bool:
    run = instance.get_run_by_id(row["run_id"])
    job, partition = (run.job_name, partitions_in_tags(run.tags)) if run else ("", None)
    notice = Notice(job, row["run_id"], partition, row["description"], check=check)
    try:
        make_notifier(settings.notifications).notify(notice)
    except NotDelivered:
        LogNotifier().notify(notice)
        return False
    return True
