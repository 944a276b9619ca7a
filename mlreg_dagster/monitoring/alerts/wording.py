"""How an alert is worded for people, the same on every channel."""

from mlreg_dagster.core.untrusted.text import one_line, visible
from mlreg_dagster.registry import AlertEvent

HAPPENED = {
    "firing": "began",
    "escalated": "is more urgent now",
    "reminded": "goes on",
    "acknowledged": "is looked after",
    "resolved": "is over",
}


def title(event: AlertEvent) -> str:
    """One line: how urgent, what, and what happened to it."""
    return one_line(f"[{event.severity}] {event.rule} of {event.subject} {HAPPENED[event.event]}", 200)


def details(event: AlertEvent) -> dict[str, str]:
    """What belongs to every message, by its name."""
    found = {
        "owner": event.owner,
        "since": f"{event.onset:%Y-%m-%d %H:%M} UTC",
        "runbook": f"{event.runbook} (mlreg runbook)",
        "alert": event.name,
    }
    if event.event == "acknowledged":
        found["acknowledged by"] = f"{event.actor}: {event.reason}"
    elif event.event != "resolved":
        found["acknowledge"] = f'mlreg alerts ack {event.name} --reason "…"'
    return {name: one_line(value, 500) for name, value in found.items()}


def body(event: AlertEvent) -> str:
    """Several lines: the message, then the details."""
    lines = [visible(event.message, 2000), ""]
    lines += [f"{name[:1].upper()}{name[1:]}: {value}" for name, value in details(event).items()]
    return "\n".join(lines)
