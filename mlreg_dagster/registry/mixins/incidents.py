"""Incidents as people write them down. Who may, and what the events name, is judged in `incidents.recording`."""

from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection, func, select

from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import incident_events
from mlreg_dagster.registry.errors import IncidentConflict, InvalidRecord
from mlreg_dagster.registry.names import as_utc, check_not_blank
from mlreg_dagster.registry.records.alerts import SEVERITIES
from mlreg_dagster.registry.records.incidents import DETECTED_AT, Incident, IncidentEntry, IncidentEvent
from mlreg_dagster.registry.records.models import Attribution


class Incidents:
    """The part of the registry that holds incidents."""

    _database: Database

    def open_incident(self, entry: IncidentEntry, by: Attribution) -> IncidentEvent:
        """Begin the record of an incident; it gets the next number.

        Args:
            entry: When it began, and in its facts when it was detected; with title, severity and owner.
            by: Who writes it down, when, and what is known.

        Raises:
            InvalidRecord: A name or text of a forbidden form, or times in a wrong order.
        """
        by = by.checked()
        detected_at = as_utc(datetime.fromisoformat(entry.facts[DETECTED_AT]))
        if not as_utc(entry.occurred_at) <= detected_at <= by.time:
            raise InvalidRecord(
                f"An incident begins ({entry.occurred_at}), is detected ({detected_at}) and is written down "
                f"({by.time}) in this order. Correct one of the times."
            )
        with self._database.writing() as connection:
            newest = connection.scalar(select(func.max(incident_events.c.incident))) or 0
            return _append(connection, entry, by, newest + 1, None)

    def add_to_incident(
        self, number: int, entry: IncidentEntry, by: Attribution, *, expected: int | None = None
    ) -> IncidentEvent:
        """Add a note, the end, or a review.

        Args:
            number: Of the incident.
            entry: What is added; title, severity and owner may change with it.
            by: Who writes it down, when, and the text.
            expected: The sequence of the newest event, as far as the caller knows; None: whichever it is.

        Raises:
            InvalidRecord: There is no such incident, a text of a forbidden form, or a time before it began or after
                now.
            IncidentConflict: Another event came first, it is over already, or not yet.
        """
        by = by.checked()
        with self._database.writing() as connection:
            known = {"event": entry.event, "actor": by.actor, "reason": by.reason, "run_id": by.run_id}
            own = queries.of_run(connection, IncidentEvent, incident_events, **known)
            if own is not None and own.incident == number:
                return own
            incident = _incident(connection, number)
            if expected is not None and incident.newest.sequence != expected:
                raise IncidentConflict(f"Nothing was added to incident {number}: {_shown(incident.newest)} came first.")
            _require_order(incident, entry, by)
            return _append(connection, entry, by, number, incident.newest)

    def incident(self, number: int) -> Incident:
        """One incident.

        Raises:
            InvalidRecord: There is none of this number.
        """
        with self._database.reading() as connection:
            return _incident(connection, number)

    def incidents(self) -> list[Incident]:
        """All incidents, the first one first."""
        table = incident_events.c
        statement = select(incident_events).order_by(table.incident, table.sequence)
        with self._database.reading() as connection:
            events = queries.records(connection, IncidentEvent, statement)
        return [Incident(tuple(own)) for _, own in groupby(events, key=lambda each: each.incident)]


def _incident(connection: Connection, number: int) -> Incident:
    table = incident_events.c
    statement = select(incident_events).where(table.incident == number).order_by(table.sequence)
    events = queries.records(connection, IncidentEvent, statement)
    if not events:
        raise InvalidRecord(f"There is no incident {number}. `mlreg incident list` lists all.")
    return Incident(tuple(events))


def _require_order(incident: Incident, entry: IncidentEntry, by: Attribution) -> None:
    resolved, number = incident.resolved, incident.number
    if entry.event == "opened":
        raise InvalidRecord(f"Incident {number} is open already; another one gets a number of its own.")
    if entry.event == "resolved" and resolved is not None:
        raise IncidentConflict(f"Incident {number} is over already: {_shown(resolved)}.")
    if entry.event == "reviewed" and resolved is None:
        raise IncidentConflict(f"Incident {number} goes on; resolve it before its report is reviewed.")
    if not incident.began <= as_utc(entry.occurred_at) <= by.time:
        raise InvalidRecord(
            f"What is added to incident {number} lies between its begin ({incident.began}) and now ({by.time}), "
            f"not at {entry.occurred_at}."
        )


def _append(
    connection: Connection, entry: IncidentEntry, by: Attribution, number: int, before: IncidentEvent | None
) -> IncidentEvent:
    kept = {
        name: getattr(entry, name) or (getattr(before, name) if before else "")
        for name in ("title", "severity", "owner")
    }
    check_not_blank(**kept)
    if kept["severity"] not in SEVERITIES:
        raise InvalidRecord(f"The severity of an incident is {', '.join(SEVERITIES)}, not {kept['severity']!a}.")
    return queries.append(
        connection,
        IncidentEvent,
        incident_events,
        incident=number,
        sequence=before.sequence + 1 if before else 1,
        event=entry.event,
        occurred_at=as_utc(entry.occurred_at),
        facts=dict(entry.facts),
        **kept,
        **by.columns,
    )


def _shown(event: IncidentEvent) -> str:
    return f"event {event.sequence}, {event.event} by {event.actor} on {event.recorded_at:%Y-%m-%d %H:%M} UTC"
