"""Alerts, the outbox of messages about them, and the attempts to deliver these.

An event and its messages are stored in one transaction: a crash leaves both or neither. Which changes are due is
decided by the caller, within that transaction.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.exc import IntegrityError

from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import alert_attempts, alert_events, alert_messages
from mlreg_dagster.registry.errors import InvalidRecord, RegistryDamaged
from mlreg_dagster.registry.names import as_utc, check_sha256
from mlreg_dagster.registry.records.alerts import (
    AlertChange,
    AlertEvent,
    DeliveryOutcome,
    OpenAlert,
    OutboxMessage,
)
from mlreg_dagster.registry.records.models import Attribution

_LONGEST_DETAIL = 500

DueChanges = Callable[[list[OpenAlert]], Iterable[AlertChange]]
"""Is given the alerts that are not resolved, and gives the changes that are due."""


@dataclass(frozen=True)
class _Message:
    id: int
    event_id: int
    channel: str
    key: str
    recorded_at: datetime


@dataclass(frozen=True)
class _Attempt:
    id: int
    message_id: int
    number: int
    outcome: DeliveryOutcome
    detail: str
    recorded_at: datetime


class Alerts:
    """The part of the registry that holds alerts and their outbox."""

    _database: Database

    def record_alerts(self, due: DueChanges, by: Attribution) -> list[AlertEvent]:
        """Add the changes of alerts that are due, each with its messages.

        Args:
            due: Asked twice: before anything is locked, as mostly nothing is due, and within the transaction.
            by: Who looked, when, and why where a change does not say so itself.

        Returns:
            The events that were added.

        Raises:
            InvalidRecord: An actor or reason of a forbidden form, or a fingerprint that is none.
        """
        by = by.checked()
        if not list(due(self.open_alerts())):
            return []
        with self._database.writing() as connection:
            return [_append(connection, change, by) for change in due(_open(connection))]

    def open_alerts(self) -> list[OpenAlert]:
        """The alerts that are not resolved, in the order of their newest events."""
        with self._database.reading() as connection:
            return _open(connection)

    def alert_events(self, last: int | None = None) -> list[AlertEvent]:
        """What happened to alerts, the latest event last.

        Args:
            last: At most so many, the newest ones; None: all.
        """
        statement = select(alert_events).order_by(alert_events.c.id.desc()).limit(last)
        with self._database.reading() as connection:
            return queries.records(connection, AlertEvent, statement)[::-1]

    def undelivered_messages(self) -> list[OutboxMessage]:
        """The messages that no channel has taken yet, the oldest one first.

        Raises:
            RegistryDamaged: The event of one is not there.
        """
        delivered = select(alert_attempts.c.message_id).where(alert_attempts.c.outcome == "delivered")
        with self._database.reading() as connection:
            return _messages(connection, alert_messages.c.id.not_in(delivered))

    def messages_of_alerts(self, fingerprints: Collection[str]) -> list[OutboxMessage]:
        """All messages of some alerts, taken or not, the oldest one first.

        Raises:
            RegistryDamaged: The event of one is not there.
        """
        own = select(alert_events.c.id).where(alert_events.c.fingerprint.in_(fingerprints))
        with self._database.reading() as connection:
            return _messages(connection, alert_messages.c.event_id.in_(own))

    def record_attempt(self, message: OutboxMessage, outcome: DeliveryOutcome, detail: str, now: datetime) -> None:
        """Add the result of an attempt to deliver a message; one that another process has just added stays alone.

        Args:
            message: As it was read before the attempt.
            outcome: Delivered, the channel could not be reached, or it refused this message.
            detail: What it said, without secrets.
            now: The current time.
        """
        try:
            with self._database.writing() as connection:
                queries.append(
                    connection,
                    _Attempt,
                    alert_attempts,
                    message_id=message.id,
                    number=message.attempts + 1,
                    outcome=outcome,
                    detail=detail[:_LONGEST_DETAIL],
                    recorded_at=as_utc(now),
                )
        except IntegrityError:
            if outcome == "delivered":
                self._record_late_delivery(message, detail, now)

    def _record_late_delivery(self, message: OutboxMessage, detail: str, now: datetime) -> None:
        """Another process has tried the same message meanwhile; what is delivered is on record in any case."""
        for each in self.undelivered_messages():
            if each.id == message.id:
                self.record_attempt(each, "delivered", detail, now)


def _messages(connection: Connection, wanted: ColumnElement[bool]) -> list[OutboxMessage]:
    statement = select(alert_messages).where(wanted).order_by(alert_messages.c.id)
    messages = queries.records(connection, _Message, statement)
    of_events = select(alert_events).where(alert_events.c.id.in_({each.event_id for each in messages}))
    events = {each.id: each for each in queries.records(connection, AlertEvent, of_events)}
    tried = select(alert_attempts).where(alert_attempts.c.message_id.in_({each.id for each in messages}))
    last: dict[int, _Attempt] = {
        each.message_id: each for each in queries.records(connection, _Attempt, tried.order_by(alert_attempts.c.number))
    }
    if lost := [each.id for each in messages if each.event_id not in events]:
        raise RegistryDamaged(
            f"Message {lost[0]} of the outbox tells of an alert event that is not there any more. `mlreg audit "
            f"verify` names the record; docs/runbook.md says how to go on."
        )
    return [_outbox_message(each, events[each.event_id], last.get(each.id)) for each in messages]


def message_key(fingerprint: str, sequence: int, channel: str) -> str:
    """The key of a message: it depends on what is told to whom alone."""
    return hashlib.sha256(f"{fingerprint}/{sequence}/{channel}".encode()).hexdigest()[:32]


def _append(connection: Connection, change: AlertChange, by: Attribution) -> AlertEvent:
    check_sha256("fingerprint", change.fingerprint)
    table = alert_events.c
    last = connection.scalar(select(func.max(table.sequence)).where(table.fingerprint == change.fingerprint)) or 0
    event = queries.append(
        connection,
        AlertEvent,
        alert_events,
        fingerprint=change.fingerprint,
        sequence=last + 1,
        event=change.event,
        rule=change.rule,
        subject=change.subject,
        onset=as_utc(change.onset),
        severity=change.severity,
        owner=change.owner,
        message=change.message,
        runbook=change.runbook,
        actor=by.actor,
        reason=change.reason or by.reason,
        recorded_at=by.time,
        run_id=by.run_id,
    )
    if len(set(change.channels)) != len(change.channels):
        raise InvalidRecord(f"A channel is told once of an event, not of {change.channels}.")
    for channel in change.channels:
        key = message_key(event.fingerprint, event.sequence, channel)
        queries.append(
            connection, _Message, alert_messages, event_id=event.id, channel=channel, key=key, recorded_at=by.time
        )
    return event


def _open(connection: Connection) -> list[OpenAlert]:
    later = alert_events.alias("later")
    is_newest = ~(
        select(later.c.id)
        .where(later.c.fingerprint == alert_events.c.fingerprint, later.c.sequence > alert_events.c.sequence)
        .exists()
    )
    statement = select(alert_events).where(is_newest, alert_events.c.event != "resolved").order_by(alert_events.c.id)
    return [
        OpenAlert(event, _told(connection, event.fingerprint))
        for event in queries.records(connection, AlertEvent, statement)
    ]


def _told(connection: Connection, fingerprint: str) -> frozenset[str]:
    """The channels that were told of an alert since it last began to fire."""
    table = alert_events.c
    of_the_alert = table.fingerprint == fingerprint
    began = select(func.max(table.sequence)).where(of_the_alert, table.event == "firing").scalar_subquery()
    statement = (
        select(alert_messages.c.channel)
        .join(alert_events, table.id == alert_messages.c.event_id)
        .where(of_the_alert, table.sequence >= began)
    )
    return frozenset(connection.scalars(statement))


def _outbox_message(message: _Message, event: AlertEvent, last: _Attempt | None) -> OutboxMessage:
    return OutboxMessage(
        message.id,
        event,
        message.channel,
        message.key,
        attempts=last.number if last else 0,
        outcome=last.outcome if last else None,
        detail=last.detail if last else "",
        tried_at=last.recorded_at if last else None,
    )
