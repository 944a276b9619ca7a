"""Tables of alerts for the terminal; their facts are documented in docs/json.md."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.markup import escape

from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.registry import AlertEvent, OutboxMessage

COLOURS = {"info": "dim", "ticket": "yellow", "page": "red"}
"""By severity."""


def alerts_table(events: Iterable[AlertEvent]) -> Grid:
    """Alerts, as their newest events say."""
    return _events("Alerts", events, "No alert is open.", ("alert", "severity", "state"))


def events_table(events: Iterable[AlertEvent]) -> Grid:
    """What happened to alerts."""
    return _events("Events", events, "Nothing has happened.", ("alert", "severity", "event"))


def messages_table(messages: Iterable[OutboxMessage]) -> Grid:
    """Messages that no channel has taken yet."""
    facts: list[dict[str, Any]] = [
        {
            "alert": each.event.name,
            "event": each.event.event,
            "rule": each.event.rule,
            "channel": each.channel,
            "key": each.key,
            "attempts": each.attempts,
            "detail": each.detail,
            "recorded_at": each.event.recorded_at,
        }
        for each in messages
    ]
    grid = Grid("Messages to be delivered", ("alert", "event", "channel", "attempts", "since", "problem"), facts)
    for each in facts:
        since = f"{each['recorded_at']:%Y-%m-%d %H:%M}"
        grid.add_row(
            each["alert"], each["event"], escape(each["channel"]), str(each["attempts"]), since, escape(each["detail"])
        )
    return grid


def _events(title: str, events: Iterable[AlertEvent], empty: str, columns: tuple[str, ...]) -> Grid:
    facts = [{"alert": each.name, "state": each.state} | asdict(each) for each in events]
    grid = Grid(title, (*columns, "rule", "subject", "since", "owner", "message"), facts, empty=empty)
    for each in facts:
        colour = COLOURS[each["severity"]]
        grid.add_row(
            each["alert"],
            f"[{colour}]{each['severity']}[/]",
            each[columns[-1]],
            each["rule"],
            escape(each["subject"]),
            f"{each['onset']:%Y-%m-%d %H:%M}",
            escape(each["owner"]),
            escape(each["message"]),
        )
    if facts and columns[-1] == "state":
        grid.caption = "docs/runbook.md (mlreg runbook) has an entry for each rule: `Alert <rule>`."
    return grid
