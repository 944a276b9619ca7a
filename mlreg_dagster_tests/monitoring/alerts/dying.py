"""What the sensor does, in a process that is killed at a step."""

import os
import signal
from collections.abc import Callable
from typing import Any

from mlreg_dagster.monitoring.alerts.channels.web import WebChannel, plain
from mlreg_dagster.monitoring.alerts.outbox import deliver
from mlreg_dagster.monitoring.alerts.routing import Route, Routing
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.database import queries
from mlreg_dagster_tests.monitoring.alerts.builders import HOUR, NOW, alert, look

STEPS = ("event_written", "message_written", "stored", "sent", "recorded")
ONE = Routing({"a": Route(("info", "ticket", "page"))}, {}, "anna")


def sensor(
    url: str,
    receiver: str,
    kind: str,
    step: str = "",
    die: Callable[[], None] = lambda: None,
    replace: Callable[[Any, str, Any], None] = setattr,
) -> None:
    """Look once and deliver once; `die` is called at the step."""
    registry, channel = Registry(url), WebChannel(plain, receiver)
    append, send, note = queries.append, channel.deliver, registry.record_attempt

    def dying_append(connection, cls, table, **values):
        row = append(connection, cls, table, **values)
        if (table.name, step) in {("alert_events", "event_written"), ("alert_messages", "message_written")}:
            die()  # within the transaction
        return row

    def dying_send(message) -> None:
        send(message)
        if step == "sent":
            die()

    def dying_note(*arguments) -> None:
        note(*arguments)
        if step == "recorded":
            die()

    replace(queries, "append", dying_append)
    replace(channel, "deliver", dying_send)
    replace(registry, "record_attempt", dying_note)
    later = NOW if kind == "firing" else NOW + HOUR
    look(registry, *([alert()] if kind == "firing" else []), now=later, routing=ONE)
    if step == "stored":
        die()
    deliver(registry, {"a": channel}, lambda: later)


def sensor_in_a_process(url: str, receiver: str, kind: str, step: str = "") -> None:
    """As `sensor`; this process is killed at the step."""
    sensor(url, receiver, kind, step, lambda: os.kill(os.getpid(), signal.SIGKILL))
