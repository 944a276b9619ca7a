"""Commands about alerts: which are open, and that somebody looks after one."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from mlreg_dagster.cli.arguments import Actor, Reason
from mlreg_dagster.cli.session import AsJson, open_registry, show

alerts = typer.Typer(help="What is wrong, who acts on it, and what people were told.", invoke_without_command=True)


@alerts.callback(invoke_without_command=True)
def list_alerts(
    context: typer.Context,
    past: Annotated[int, typer.Option(help="The newest events of any alert as well, so many.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Open alerts, the newest events, and messages that wait to be delivered."""
    from mlreg_dagster.cli.alert_tables import alerts_table, events_table, messages_table

    if context.invoked_subcommand is not None:
        return
    registry = open_registry()
    tables: dict[str, Any] = {
        "alerts": alerts_table([each.event for each in registry.open_alerts()]),
        "events": events_table(registry.alert_events(last=past) if past else []),
        "undelivered": messages_table(registry.undelivered_messages()),
    }
    shown = tables if as_json else {name: table for name, table in tables.items() if name == "alerts" or table.rows}
    show(as_json, **shown)


@alerts.command("ack")
def acknowledge_alert(
    name: Annotated[str, typer.Argument(help="The alert, as `mlreg alerts` names it.")],
    reason: Reason,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Acknowledge an alert: somebody looks after it, and no reminder is sent any more."""
    from mlreg_dagster.cli.alert_tables import alerts_table
    from mlreg_dagster.config import load_settings
    from mlreg_dagster.core.people import current_actor
    from mlreg_dagster.monitoring.alerts.lifecycle import acknowledge
    from mlreg_dagster.monitoring.alerts.routing import routing_of
    from mlreg_dagster.registry import Attribution

    registry, routing = open_registry(), routing_of(load_settings())
    by = Attribution(registry.acting(current_actor(actor)), datetime.now(UTC), reason).checked()
    events = registry.record_alerts(lambda recorded: [acknowledge(name, recorded, routing, by.reason)], by)
    show(as_json, alerts=alerts_table(events))
