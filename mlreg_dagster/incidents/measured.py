"""How long it took to detect, acknowledge, mitigate and resolve an incident, by what is on record.

Each time is measured from the one at which it became possible: detection, mitigation and resolution from when the
incident began, acknowledgement from when it was detected.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlreg_dagster.incidents.timeline import Entry
from mlreg_dagster.registry import AlertEvent, Incident
from mlreg_dagster.registry.records.incidents import MITIGATED


@dataclass(frozen=True)
class Measured:
    """One of the four times.

    Attributes:
        name: detect, acknowledge, mitigate or resolve.
        since: From when it is counted.
        at: When it was so; None: not yet, or not known.
        source: The record that says so, or why none does.
    """

    name: str
    since: datetime
    at: datetime | None
    source: str

    @property
    def took(self) -> timedelta | None:
        """How long it took; None where it is not known."""
        return None if self.at is None else self.at - self.since

    @property
    def minutes(self) -> float | None:
        """The same in minutes, for programs."""
        return None if self.took is None else self.took.total_seconds() / 60


def measure(incident: Incident, alerts: Sequence[AlertEvent], entries: Sequence[Entry]) -> list[Measured]:
    """The four times.

    Args:
        incident: Which.
        alerts: All events of alerts.
        entries: The timeline of the incident.
    """
    began, detected, resolved = incident.began, incident.detected_at, incident.resolved
    acknowledged, by_whom = _acknowledged(incident, alerts)
    mitigated, by_what = _mitigated(incident, entries)
    over = (resolved.occurred_at, f"{resolved.actor}: {resolved.reason}") if resolved else (None, "it is not over")
    return [
        Measured("detect", began, detected, "the opening of the incident"),
        Measured("acknowledge", detected, max(acknowledged, detected), by_whom),
        Measured("mitigate", began, mitigated, by_what),
        Measured("resolve", began, *over),
    ]


def _acknowledged(incident: Incident, alerts: Sequence[AlertEvent]) -> tuple[datetime, str]:
    """When a person first looked after it: by an alert that it names, its opening, or a note."""
    linked = set(incident.links("alerts"))
    known = [
        (each.recorded_at, f"{each.actor} acknowledged alert {each.name}")
        for each in alerts
        if each.event == "acknowledged" and each.fingerprint in linked
    ]
    opened = incident.events[0]
    known += [
        (each.occurred_at, f"{each.actor} noted: {each.reason}")
        for each in incident.events
        if each.event == "noted" and each.occurred_at >= incident.detected_at
    ]
    return min([*known, (opened.recorded_at, f"{opened.actor} opened the incident")])


def _mitigated(incident: Incident, entries: Sequence[Entry]) -> tuple[datetime | None, str]:
    """As a note says; else the first suspension, move of an alias or rollback after the incident was detected."""
    for each in incident.events:
        if each.facts.get(MITIGATED):
            return each.occurred_at, f"{each.actor}: {each.reason}"
    for entry in entries:
        if entry.mitigates and entry.at >= incident.detected_at:
            return entry.at, f"{entry.record}: {entry.text}"
    return None, "neither a note says so, nor was an alias moved or suspended, or a rollout rolled back"
