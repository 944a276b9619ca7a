"""What the weekly report says of drift, decisions, alerts, objectives and incidents.

What it says of versions, worth and flags stands in `sections`.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from mlreg_dagster.evidence.card.elements import when
from mlreg_dagster.evidence.card.incidents import incident_row
from mlreg_dagster.evidence.weekly.sections import Section, records
from mlreg_dagster.evidence.weekly.week import Week
from mlreg_dagster.monitoring.metrics.slos import OBJECTIVES
from mlreg_dagster.monitoring.response.stored import DRIFT_DECISIONS
from mlreg_dagster.registry import AlertEvent, Incident
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_DISTURBED = frozenset({"watch", "confirmed", "responding"})


def decisions(tables: Warehouse, week: Week) -> Section:
    """What was decided about drift, day by day."""
    title = "Drift decisions"
    rows = tables.read(DRIFT_DECISIONS, week.days[0], week.days[-1])
    if rows.empty:
        return Section(title, "No day of the week was judged.", is_good=None)
    states = rows["state"].tolist()
    actions = [each for each in rows["action"] if each != "none"]
    text = (
        f"{len(rows)} of 7 days were judged. State at the end: {states[-1]}. "
        f"Actions: {', '.join(_in_words(each) for each in actions) or 'none'}."
    )
    shown = [
        {
            "day": f"{row['day']:%Y-%m-%d}",
            "state": row["state"],
            "family": row["family"],
            "action": _in_words(row["action"]),
            "champion": row["champion"],
            "alerts": ", ".join(f"{rule} ({severity})" for rule, severity in json.loads(row["alerts"])),
            "why": row["reasons"].replace("\n", " "),
        }
        for row in records(rows)
    ]
    known = len(rows) == len(week.days) and "unknown" not in states
    return Section(title, text, shown, is_good=False if _DISTURBED & set(states) else True if known else None)


def _in_words(action: str) -> str:
    return action.replace("_", " ")


def alerts(found: Sequence[Sequence[AlertEvent]]) -> Section:
    """The alerts of a week, by `open_in`, and how they stood at its end."""
    firing = [events for events in found if events[-1].state != "resolved"]
    text = (
        f"Alerts of the week: {len(found)}. Open at its end: {len(firing)}, of which acknowledged: "
        f"{sum(events[-1].state == 'acknowledged' for events in firing)}."
    )
    rows: list[dict[str, Any]] = [
        {
            "alert": events[-1].name,
            "rule": events[-1].rule.replace("_", " "),
            "subject": events[-1].subject,
            "severity": events[-1].severity,
            "owner": events[-1].owner,
            "since": when(events[0].recorded_at),
            "at the end": events[-1].state,
            "message": events[-1].message,
        }
        for events in found
    ]
    urgent = any(events[-1].severity != "info" for events in firing)
    return Section("Alerts", text, rows, is_good=not urgent)


def objectives(found: Sequence[Sequence[AlertEvent]]) -> Section:
    """Which service level objectives were missed in a week, by its alerts that said so."""
    rows: list[dict[str, Any]] = []
    for each in OBJECTIVES:
        missed = [events for events in found if events[-1].rule == each.rule]
        rows.append(
            {
                "objective": each.name.replace("_", " "),
                "what is measured": each.about,
                "at most": f"{each.at_most.total_seconds() / 3600:g} h",
                "times missed": len(missed),
                "still missed": "yes" if any(events[-1].state != "resolved" for events in missed) else "no",
            }
        )
    total = sum(row["times missed"] for row in rows)
    text = f"Objectives missed: {total}." if total else "No alert said that an objective was missed."
    return Section("Objectives", text, rows, is_good=not total)


def incidents(found: Iterable[Incident], week: Week) -> Section:
    """Incidents that went on at some time of the week, or were reviewed in it, as they stood at its end."""
    end: datetime = week.end.to_pydatetime()
    known = [
        Incident(events)
        for each in found
        if (events := tuple(event for event in each.events if event.recorded_at < end))
        and (events[-1].recorded_at >= week.first or Incident(events).is_open)
    ]
    ongoing = [each for each in known if each.is_open]
    unreviewed = [each for each in known if each.state == "resolved" and each.newest.severity != "info"]
    text = (
        f"Incidents of the week: {len(known)}. Open at its end: {len(ongoing)}. Resolved, with a report that waits for "
        f"its review: {len(unreviewed)}."
    )
    return Section("Incidents", text, [incident_row(each) for each in known], is_good=not ongoing and not unreviewed)


def open_in(events: Iterable[AlertEvent], week: Week) -> list[list[AlertEvent]]:
    """Of each alert that was open at some time of the week, its events until the end of the week, the oldest first."""
    by_alert: dict[str, list[AlertEvent]] = {}
    end: datetime = week.end.to_pydatetime()
    for event in events:
        if event.recorded_at < end:
            by_alert.setdefault(event.fingerprint, []).append(event)
    return [each for each in by_alert.values() if each[-1].recorded_at >= week.first or each[-1].state != "resolved"]
