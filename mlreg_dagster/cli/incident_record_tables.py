"""Tables of the records of incidents for the terminal; their facts are documented in docs/json.md."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from mlreg_dagster.cli.alert_tables import COLOURS
from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.registry import Incident, IncidentEvent
from mlreg_dagster.registry.records.incidents import LINKS, REPORT

if TYPE_CHECKING:
    from mlreg_dagster.incidents.measured import Measured

_TIME = "%Y-%m-%d %H:%M"


def incidents_table(incidents: Iterable[Incident]) -> Grid:
    """Incidents, as their newest events say."""
    facts: list[dict[str, Any]] = [
        {
            "incident": each.number,
            "state": each.state,
            "severity": each.newest.severity,
            "title": each.newest.title,
            "owner": each.newest.owner,
            "began": each.began,
            "detected_at": each.detected_at,
            "resolved_at": each.resolved.occurred_at if each.resolved else None,
            "events": len(each.events),
            "links": {kind: list(names) for kind in LINKS if (names := each.links(kind))},
        }
        for each in incidents
    ]
    columns = ("no.", "severity", "state", "title", "owner", "began", "over")
    grid = Grid("Incidents", columns, facts, empty="No incident is on record.")
    for each in facts:
        grid.add_row(
            str(each["incident"]),
            f"[{COLOURS[each['severity']]}]{each['severity']}[/]",
            each["state"],
            escape(each["title"]),
            escape(each["owner"]),
            f"{each['began']:{_TIME}}",
            f"{each['resolved_at']:{_TIME}}" if each["resolved_at"] else "-",
        )
    return grid


def events_table(events: Iterable[IncidentEvent]) -> Grid:
    """What people wrote down, the first event first."""
    events = list(events)
    grid = Grid("Events", ("no.", "event", "when", "by", "text", "names"), [asdict(each) for each in events])
    for each in events:
        named = [f"{kind}: {', '.join(map(str, each.facts[kind]))}" for kind in LINKS if kind in each.facts]
        if REPORT in each.facts:
            named.append(f"{each.facts[REPORT]['name']}, SHA-256 {each.facts[REPORT]['sha256']}")
        grid.add_row(
            str(each.sequence),
            each.event,
            f"{each.occurred_at:{_TIME}}",
            escape(each.actor),
            f"{escape(each.reason)} [dim](recorded {each.recorded_at:{_TIME}})[/]",
            escape("; ".join(named)),
        )
    return grid


def times_table(times: "Sequence[Measured]") -> Grid:
    """How long each step took."""
    facts = [asdict(each) | {"minutes": each.minutes} for each in times]
    grid = Grid("Times", ("time to", "minutes", "until", "by"), facts)
    for each in times:
        minutes = "not known" if each.minutes is None else f"{each.minutes:,.0f}"
        grid.add_row(each.name, minutes, f"{each.at:{_TIME}}" if each.at else "-", escape(each.source))
    return grid
