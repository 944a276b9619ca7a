"""How alerts stand: what was true is compared with what is true now. Pure; the registry stores what is due."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from mlreg_dagster.monitoring.alerts.routing import Routing
from mlreg_dagster.monitoring.alerts.rules import RULES, SEVERITIES, Alert, fingerprint
from mlreg_dagster.registry import AlertChange, InvalidRecord, OpenAlert
from mlreg_dagster.registry.records.alerts import SHORT, AlertEventKind

OVER = "No longer so."


def due_changes(
    alerts: Iterable[Alert],
    examined: Collection[str],
    recorded: Sequence[OpenAlert],
    routing: Routing,
    now: datetime,
    reminder: timedelta | None,
) -> Iterator[AlertChange]:
    """The changes that follow from what is true now.

    Args:
        alerts: All that are true now.
        examined: The rules that could be looked at; open alerts of other rules stay as they are.
        recorded: The alerts that are not resolved.
        routing: Who is told.
        now: The current time.
        reminder: From one message to the next about an alert that nobody has acknowledged; None: never.

    Yields:
        One change at most for each alert: it fires, is more urgent than recorded, is still there, or is over.
    """
    by_print = {each.event.fingerprint: each for each in recorded}
    newest = {(each.event.rule, each.event.subject): each for each in recorded}
    seen: dict[str, tuple[Alert, datetime]] = {}
    for alert in alerts:
        known = newest.get((alert.rule, alert.subject))
        onset = alert.onset or (known.event.onset if known else now)
        mark = fingerprint(alert.rule, alert.subject, onset)
        if mark not in seen or _rank(alert.urgency) > _rank(seen[mark][0].urgency):
            seen[mark] = alert, onset
    for mark, (alert, onset) in seen.items():
        if change := _change_of(alert, onset, mark, by_print.get(mark), routing, now, reminder):
            yield change
    for mark, each in by_print.items():
        if mark not in seen and each.event.rule in examined:
            yield _of_open(each, "resolved", routing.known(each.told), OVER)


def acknowledge(name: str, recorded: Sequence[OpenAlert], routing: Routing, reason: str) -> AlertChange:
    """The change by which a person looks after an alert: no more reminders.

    Args:
        name: The beginning of its fingerprint.
        recorded: The alerts that are not resolved.
        routing: Which channels keep a state of their own, and so are told.
        reason: Why, or what is being done.

    Raises:
        InvalidRecord: There is no such open alert, several begin so, or it was acknowledged before.
    """
    found = [each for each in recorded if name and each.event.fingerprint.startswith(name)]
    if len(found) != 1:
        names = ", ".join(each.event.name for each in recorded) or "none"
        which = "Several alerts begin" if found else "No open alert begins"
        raise InvalidRecord(f"{which} with {name[:SHORT]!a}. Open alerts: {names}. `mlreg alerts` lists them.")
    event = found[0].event
    if event.state == "acknowledged":
        raise InvalidRecord(f"{event.name} was acknowledged by {event.actor} on {event.recorded_at:%Y-%m-%d %H:%M}.")
    return _of_open(found[0], "acknowledged", routing.following(found[0].told), reason)


def _change_of(
    alert: Alert,
    onset: datetime,
    mark: str,
    known: OpenAlert | None,
    routing: Routing,
    now: datetime,
    reminder: timedelta | None,
) -> AlertChange | None:
    owner = routing.owner_of(alert.rule, alert.owner)
    told = routing.channels_for(alert.rule, alert.urgency, owner)
    event: AlertEventKind
    if known is None:
        event = "firing"
    elif _rank(alert.urgency) > _rank(known.event.severity):
        event = "escalated"
    elif reminder is not None and known.event.state == "firing" and now - known.event.recorded_at >= reminder:
        event = "reminded"
    else:
        return None
    severity = known.event.severity if known and event == "reminded" else alert.urgency
    return AlertChange(
        mark, event, alert.rule, alert.subject, onset, severity, owner, alert.text, RULES[alert.rule].runbook, told
    )


def _of_open(each: OpenAlert, kind: AlertEventKind, channels: tuple[str, ...], reason: str) -> AlertChange:
    event = each.event
    return AlertChange(
        event.fingerprint,
        kind,
        event.rule,
        event.subject,
        event.onset,
        event.severity,
        event.owner,
        event.message,
        event.runbook,
        channels,
        reason,
    )


def _rank(severity: str) -> int:
    return [str(each) for each in SEVERITIES].index(severity)
