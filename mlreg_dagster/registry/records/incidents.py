"""Immutable records of incidents: what people wrote down about each, in the order in which they did.

What happened meanwhile is joined from other records in `incidents.timeline`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from mlreg_dagster.registry.records.alerts import Severity

IncidentEventKind = Literal["opened", "noted", "resolved", "reviewed"]
IncidentState = Literal["open", "resolved", "reviewed"]

LINKS = ("alerts", "hours", "versions", "suspensions", "moves")
"""Keys of `facts` under which an event names other records: fingerprints of alerts, hours of the market, versions, and
`ALIAS:SEQUENCE` of suspensions and of moves of an alias."""

DETECTED_AT, MITIGATED, REPORT = "detected_at", "mitigated", "report"
"""Further keys of `facts`: of the opening, when it was detected; of a note, whether users were no longer affected from
then on; of a review, name, SHA-256 and size of the report."""


@dataclass(frozen=True)
class IncidentEntry:
    """What is to be added to an incident; the fields are those of `IncidentEvent`.

    Attributes:
        title: None: as before. The same holds for `severity` and `owner`; an opening names all three.
    """

    event: IncidentEventKind
    occurred_at: datetime
    title: str | None = None
    severity: Severity | None = None
    owner: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class IncidentEvent:
    """What a person wrote down about an incident; title, severity and owner are those from then on.

    Attributes:
        id: Unique among all events.
        incident: The number of the incident.
        sequence: 1, 2, 3, … within the incident.
        event: It was opened, something was noted, it is over, or its report was reviewed.
        title: What it is, in a few words.
        severity: How urgent it is, as of alerts.
        owner: Who leads the response.
        occurred_at: When it began, when what is noted happened, when it was over, or when it was reviewed.
        facts: Links to other records, and more; see `LINKS`.
        actor: Who wrote it down.
        reason: The text.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
    """

    id: int
    incident: int
    sequence: int
    event: IncidentEventKind
    title: str
    severity: Severity
    owner: str
    occurred_at: datetime
    facts: dict[str, Any]
    actor: str
    reason: str
    recorded_at: datetime
    run_id: str | None


@dataclass(frozen=True)
class Incident:
    """An incident: all its events, the opening first."""

    events: tuple[IncidentEvent, ...]

    @property
    def number(self) -> int:
        """What people call it."""
        return self.events[0].incident

    @property
    def newest(self) -> IncidentEvent:
        """The last event; its title, severity and owner count."""
        return self.events[-1]

    @property
    def began(self) -> datetime:
        """Since when something was wrong."""
        return self.events[0].occurred_at

    @property
    def detected_at(self) -> datetime:
        """When somebody or something noticed."""
        return datetime.fromisoformat(self.events[0].facts[DETECTED_AT])

    @property
    def resolved(self) -> IncidentEvent | None:
        """The event that ended it; None: it goes on."""
        return next((each for each in self.events if each.event == "resolved"), None)

    @property
    def state(self) -> IncidentState:
        """Open until it is resolved; reviewed once a report was."""
        if any(each.event == "reviewed" for each in self.events):
            return "reviewed"
        return "open" if self.resolved is None else "resolved"

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.resolved is None

    def links(self, kind: str) -> tuple[str, ...]:
        """What its events name of a kind of `LINKS`, each once, in the order in which it was named."""
        return tuple(dict.fromkeys(name for event in self.events for name in event.facts.get(kind, ())))
