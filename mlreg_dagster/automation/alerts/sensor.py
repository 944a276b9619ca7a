"""The sensor that finds out what is wrong, records how alerts stand, and delivers the messages about them."""

from functools import partial
from pathlib import Path

import dagster as dg

from mlreg_dagster.automation import common
from mlreg_dagster.automation.alerts.facts import Place, examinations
from mlreg_dagster.automation.alerts.plugin_channel import all_channels
from mlreg_dagster.automation.rollout import look_at_all
from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.times import plain
from mlreg_dagster.monitoring.alerts.lifecycle import due_changes
from mlreg_dagster.monitoring.alerts.outbox import deliver
from mlreg_dagster.monitoring.alerts.routing import routing_of
from mlreg_dagster.monitoring.alerts.rules import Alert
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, WarehouseResource
from mlreg_dagster.registry import Attribution


def build_alert_sensor(settings: Settings, home: Path) -> dg.SensorDefinition:
    """What is wrong, recorded, and told to people once at the beginning and once at the end."""

    @dg.sensor(
        name="alert_sensor",
        minimum_interval_seconds=common.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Records which alerts begin and end, and delivers the messages about them through the channels of "
        "notifications.yaml until each is taken.",
    )
    def alert_sensor(
        context: dg.SensorEvaluationContext,
        mlreg_registry: RegistryResource,
        mlreg_artifacts: ArtifactsResource,
        mlreg_warehouse: WarehouseResource,
        mlreg_clock: Clock,
    ) -> dg.SkipReason:
        registry, now = mlreg_registry.open(), plain(mlreg_clock.now())
        checks = frozenset(context.repository_def.asset_graph.asset_check_keys)  # type: ignore[union-attr]
        tables = mlreg_warehouse.open()
        looks = partial(look_at_all, registry, mlreg_artifacts.open(), tables, home, settings, mlreg_clock.now())
        place = Place(context.instance, checks, registry, home, looks)
        alerts: list[Alert] = []
        examined: list[str] = []
        unknown: list[str] = []
        for rules, look in examinations(place, settings, now):
            try:
                alerts += look()
                examined += rules
            except MlregError as error:  # their alerts stay as they are
                unknown.append(f"{', '.join(rules)} could not be looked at: {error}")
        routing, reminder = routing_of(settings), settings.notifications.reminder
        events = registry.record_alerts(
            lambda recorded: due_changes(alerts, examined, recorded, routing, now, reminder),
            Attribution(common.ACTOR, now, "The sensor looked."),
        )
        delivery = deliver(registry, all_channels(settings.notifications), lambda: plain(mlreg_clock.now()))
        changed = ", ".join(f"{each.rule} of {each.subject} {each.event}" for each in events) or "nothing"
        summary = f"True now: {len(alerts)}. Changed: {changed}. Delivered: {delivery.delivered}."
        return dg.SkipReason(" ".join([summary, *unknown, *delivery.problems]))

    return alert_sensor
