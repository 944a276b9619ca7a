"""Alerts as they stood at a time: what each is about, who looks after it, and which channels were told."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlreg_dagster.monitoring.alerts.decisions import DECISION_RULES
from mlreg_dagster.monitoring.alerts.rules import RULES, SEVERITIES
from mlreg_dagster.pages.alerts.objectives import ObjectiveFacts, objectives_of
from mlreg_dagster.pages.page import Unclear
from mlreg_dagster.pages.paging import list_page
from mlreg_dagster.pages.source import records
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import AlertEvent, OutboxMessage

PAST = 25
"""Alerts that are over, on a page."""

_OPEN = 100  # more are counted, and not shown
_MESSAGES = 12  # of an alert, the newest
_OF_HOURS = {"predictions_late", "outcomes_late"}
_OF_CHAMPIONS = {"rollout_rolled_back", "rollout_waits", "suspended"}
_OF_VERSIONS = {"flagged_share", "champion_old"}


@dataclass(frozen=True)
class Told:
    """A message of an alert to a channel.

    Attributes:
        channel: Its name; its address and key are no facts.
        event: What it tells of.
        at: When it was put into the outbox.
        state: delivered, unavailable, refused, or waiting for its first attempt.
        attempts: How often it was tried.
        tried_at: When it was tried last; None: not yet.
        detail: What the channel said.
    """

    channel: str
    event: str
    at: datetime
    state: str
    attempts: int
    tried_at: datetime | None
    detail: str


@dataclass(frozen=True)
class AlertFacts:
    """An alert.

    Attributes:
        name: As `mlreg alerts` names it.
        rule: What is watched.
        meaning: Of the rule.
        subject: Of what.
        severity: How urgent it is.
        state: firing, acknowledged or resolved.
        owner: Who is to act.
        message: What is wrong and what to do.
        runbook: The heading of the runbook's entry.
        since: Since when, by what is watched.
        fired_at: When it was first recorded.
        changed_at: When its newest event was.
        acknowledged_by: Who looks after it; None: no one said so.
        acknowledged_at: Since when.
        acknowledgement: What that person wrote.
        events: How many things happened to it.
        told: Its messages, the newest ones.
        about: The page of what it is about; None: there is none.
        asset: The asset that it is about; None: none.
    """

    name: str
    rule: str
    meaning: str
    subject: str
    severity: str
    state: str
    owner: str
    message: str
    runbook: str
    since: datetime
    fired_at: datetime
    changed_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    acknowledgement: str
    events: int
    told: tuple[Told, ...]
    about: str | None
    asset: str | None


@dataclass(frozen=True)
class AlertsFacts:
    """All alerts.

    Attributes:
        open: Those that are not resolved, the most urgent first.
        open_count: How many there are.
        past: Those that are over, the newest first; a page of them.
        past_count: How many there are.
        page: Which page, from 1 on.
        pages: How many there are.
        waiting: Messages that no channel has taken yet, by channel.
        objectives: How the objectives stand.
        severity: The filter; empty: all.
        rule: Likewise.
        rules: Of which there are alerts.
        severities: All that there are.
    """

    open: tuple[AlertFacts, ...]
    open_count: int
    past: tuple[AlertFacts, ...]
    past_count: int
    page: int
    pages: int
    waiting: Mapping[str, int]
    objectives: tuple[ObjectiveFacts, ...]
    severity: str
    rule: str
    rules: tuple[str, ...]
    severities: tuple[str, ...] = SEVERITIES


def facts(view: View) -> AlertsFacts:
    """The alerts as of a time.

    Raises:
        Unclear: A filter names no severity, or the list has no such page.
    """
    severity, rule = view.query.get("severity", ""), view.query.get("rule", "")
    if severity and severity not in SEVERITIES:
        raise Unclear(f"There is no severity {severity!r}; choose one of {', '.join(SEVERITIES)}.")
    registry = records(view)
    every = alerts_of(registry.alert_events())
    wanted = [each for each in every if severity in ("", each[-1].severity) and rule in ("", each[-1].rule)]
    ongoing = [each for each in wanted if each[-1].state != "resolved"]
    ongoing.sort(key=lambda each: (-SEVERITIES.index(each[-1].severity), each[-1].id))
    past = [each for each in wanted[::-1] if each[-1].state == "resolved"]
    shown, page = list_page(past, view.query.get("page"), PAST)
    messages = registry.messages_of_alerts({each[-1].fingerprint for each in every})
    told = _by_alert(messages)
    versions = {each.version for each in registry.versions()}
    return AlertsFacts(
        open=tuple(_alert(each, told, versions) for each in ongoing[:_OPEN]),
        open_count=len(ongoing),
        past=tuple(_alert(each, told, versions) for each in shown),
        past_count=page.items,
        page=page.number,
        pages=page.count,
        waiting=dict(sorted(Counter(each.channel for each in messages if each.outcome != "delivered").items())),
        objectives=objectives_of(view, (each[-1].rule for each in every)),
        severity=severity,
        rule=rule,
        rules=tuple(sorted({each[-1].rule for each in every})),
    )


def alerts_of(events: Iterable[AlertEvent]) -> list[list[AlertEvent]]:
    """The events of each alert, in the order of their newest ones."""
    found: dict[str, list[AlertEvent]] = {}
    for event in events:
        found.setdefault(event.fingerprint, []).append(event)
    return sorted(found.values(), key=lambda each: each[-1].id)


def _by_alert(messages: Iterable[OutboxMessage]) -> dict[str, list[OutboxMessage]]:
    found: dict[str, list[OutboxMessage]] = {}
    for each in messages:
        found.setdefault(each.event.fingerprint, []).append(each)
    return found


def _alert(events: Sequence[AlertEvent], told: Mapping[str, Sequence[OutboxMessage]], versions: set[str]) -> AlertFacts:
    newest = events[-1]
    acknowledged = next((each for each in reversed(events) if each.event == "acknowledged"), None)
    rule = RULES.get(newest.rule)
    return AlertFacts(
        name=newest.name,
        rule=newest.rule,
        meaning=rule.meaning if rule else "a rule of another release",
        subject=newest.subject,
        severity=newest.severity,
        state=newest.state,
        owner=newest.owner,
        message=newest.message,
        runbook=newest.runbook,
        since=newest.onset,
        fired_at=events[0].recorded_at,
        changed_at=newest.recorded_at,
        acknowledged_by=acknowledged.actor if acknowledged else None,
        acknowledged_at=acknowledged.recorded_at if acknowledged else None,
        acknowledgement=acknowledged.reason if acknowledged else "",
        events=len(events),
        told=tuple(_told(each) for each in told.get(newest.fingerprint, ())[-_MESSAGES:]),
        about=_about(newest, versions),
        asset=newest.subject.rpartition(" of ")[2] if newest.rule == "check_failed" else None,
    )


def _told(message: OutboxMessage) -> Told:
    return Told(
        channel=message.channel,
        event=message.event.event,
        at=message.event.recorded_at,
        state=message.outcome or "waiting",
        attempts=message.attempts,
        tried_at=message.tried_at,
        detail=message.detail,
    )


def _about(event: AlertEvent, versions: set[str]) -> str | None:
    if event.rule in _OF_HOURS:
        return "/hours"
    if event.rule in DECISION_RULES or event.rule.startswith("drift_"):
        return "/drift"
    if event.rule in _OF_CHAMPIONS:
        return "/champions"
    return f"/versions/{event.subject}" if event.rule in _OF_VERSIONS and event.subject in versions else None
