"""Alerts, routes and messages as the tests write them."""

from datetime import UTC, datetime, timedelta

from mlreg_dagster.monitoring.alerts.lifecycle import due_changes
from mlreg_dagster.monitoring.alerts.routing import Route, Routing
from mlreg_dagster.monitoring.alerts.rules import RULES, Alert
from mlreg_dagster.registry import Attribution, Registry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROUTING = Routing(
    {
        "chat": Route(("ticket", "page")),
        "pager": Route(("page",), keeps_state=True),
        "risk": Route(("info", "ticket", "page"), owners=("risk",)),
    },
    {"disk_low": "operations"},
    "team:mlreg",
)


def alert(rule: str = "drift_watch", subject: str = "features", onset: datetime | None = NOW, **more) -> Alert:
    return Alert(rule, subject, onset, more.pop("message", "It drifts."), **more)


def look(
    registry: Registry,
    *alerts: Alert,
    now: datetime = NOW,
    routing: Routing = ROUTING,
    examined=tuple(RULES),
    reminder: timedelta | None = None,
):
    """What the sensor records."""
    return registry.record_alerts(
        lambda recorded: due_changes(alerts, examined, recorded, routing, now, reminder),
        Attribution("automation", now, "a look"),
    )
