"""Immutable records of alerts: what happened to each, the messages about it, and the attempts to deliver these.

When an alert is due is decided in `monitoring.alerts`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Severity = Literal["info", "ticket", "page"]
"""From a remark to what somebody is woken up for."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The lowest first."""

AlertEventKind = Literal["firing", "escalated", "reminded", "acknowledged", "resolved"]
AlertState = Literal["firing", "acknowledged", "resolved"]
DeliveryOutcome = Literal["delivered", "unavailable", "refused"]


@dataclass(frozen=True)
class AlertEvent:
    """What happened to an alert; the newest event of a fingerprint says how the alert stands.

    Attributes:
        id: Grows with every event of any alert.
        fingerprint: The same for the same rule, subject and onset.
        sequence: Counts the events of the fingerprint.
        event: It fires, has a higher severity now, is still there, somebody looks after it, or it is over.
        rule: What is watched.
        subject: Of what: a check, a job, a family of drift.
        onset: Since when, by what is watched.
        severity: How urgent it is.
        owner: Who is to act.
        message: What is wrong and what to do, in words.
        runbook: The heading of the runbook's entry.
        actor: Who recorded the event.
        reason: Why.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
    """

    id: int
    fingerprint: str
    sequence: int
    event: AlertEventKind
    rule: str
    subject: str
    onset: datetime
    severity: Severity
    owner: str
    message: str
    runbook: str
    actor: str
    reason: str
    recorded_at: datetime
    run_id: str | None

    @property
    def state(self) -> AlertState:
        """How the alert stands after this event."""
        if self.event in {"acknowledged", "resolved"}:
            return "acknowledged" if self.event == "acknowledged" else "resolved"
        return "firing"

    @property
    def name(self) -> str:
        """What people call the alert: the beginning of its fingerprint."""
        return self.fingerprint[:SHORT]


SHORT = 8
"""Characters of a fingerprint that people see and type."""


@dataclass(frozen=True)
class OpenAlert:
    """An alert that is not resolved.

    Attributes:
        event: The newest one.
        told: The channels that have a message of it since it last began to fire, taken or in the outbox.
    """

    event: AlertEvent
    told: frozenset[str]


@dataclass(frozen=True)
class AlertChange:
    """An event that is to be recorded, with the channels that are told of it.

    Attributes:
        event: What happens to the alert.
        channels: The names of those that get a message.
        reason: Why; empty: the message of the alert says so.
    """

    fingerprint: str
    event: AlertEventKind
    rule: str
    subject: str
    onset: datetime
    severity: Severity
    owner: str
    message: str
    runbook: str
    channels: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class OutboxMessage:
    """A message of the outbox.

    Attributes:
        id: Grows with every message.
        event: What it tells of.
        channel: Which channel is to deliver it.
        key: The same at every attempt, and of no other message: a receiver tells a repeated one by it.
        attempts: How often it was tried.
        outcome: Of the last attempt; None before the first. What is delivered stays so.
        detail: What the channel said then.
        tried_at: When that was.
    """

    id: int
    event: AlertEvent
    channel: str
    key: str
    attempts: int
    outcome: DeliveryOutcome | None
    detail: str
    tried_at: datetime | None
