"""What is wrong now, by rule: plain functions from facts to alerts. Those of drift stand in `decisions`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlreg_dagster.monitoring.alerts.rules import Alert
from mlreg_dagster.monitoring.metrics.slos import Level
from mlreg_dagster.outcomes.performance.flagged_share import FlaggedShare
from mlreg_dagster.registry import OutboxMessage, Severity, Suspension, TrafficEvent
from mlreg_dagster.registry.records.traffic import ROLLED_BACK

WAITS_TOO_LONG = timedelta(hours=1)
"""From a message in the outbox to the alert that its channel is down."""

TOLD_FOR = timedelta(days=7)
"""How long a rollout that was rolled back is an alert."""

_BY_ROW: dict[object, Severity] = {1: "ticket", 2: "page", 3: "ticket", 4: "ticket"}
"""Severity by the row of the decision table; in the others it has waited for too long."""

LEAST_FREE_BYTES = 1 << 30
_MB = 1 << 20


@dataclass(frozen=True)
class FailedJob:
    """A job whose last run failed.

    Attributes:
        job: Its name.
        run_id: Of that run.
        partition: Of that run, or the range of them; None without.
        reason: Why, in words.
    """

    job: str
    run_id: str
    partition: str | None
    reason: str


@dataclass(frozen=True)
class FailingCheck:
    """An asset check whose last result is a failure, no warning.

    Attributes:
        asset: Of which asset.
        check: Its name.
        description: What it found.
    """

    asset: str
    check: str
    description: str


@dataclass(frozen=True)
class WaitingRollout:
    """A rollout whose next step needs an approval.

    Attributes:
        candidate: The version.
        state: Where it waits.
        reason: For what, in words.
    """

    candidate: str
    state: str
    reason: str


def failed_jobs(failed: Iterable[FailedJob]) -> list[Alert]:
    """One a job, until a run of it succeeds."""
    return [
        Alert(
            "run_failed",
            each.job,
            None,
            f"Run {each.run_id[:8]} of {each.job} ({each.partition or 'no partition'}) failed: {each.reason}",
        )
        for each in failed
    ]


def failing_checks(failing: Iterable[FailingCheck]) -> list[Alert]:
    """One a check, until it passes."""
    return [
        Alert("check_failed", f"{each.check} of {each.asset}", None, each.description or "It fails.")
        for each in failing
    ]


def missed_objectives(levels: Iterable[Level]) -> list[Alert]:
    """One an objective and subject."""
    return [
        Alert(each.objective.rule, each.subject, each.since, each.text) for each in levels if each.state == "missed"
    ]


def flagged_share(found: FlaggedShare, *, is_decided: bool = False) -> list[Alert]:
    """The champion flags too much or too little.

    Args:
        found: What it flagged in its last day.
        is_decided: Whether a drift decision is in force that says so already.
    """
    if found.state != "outside" or is_decided:
        return []
    advice = "Look at mlreg explain and mlreg status; set its threshold by a training, or roll back."
    return [Alert("flagged_share", str(found.version), None, f"{found.text} {advice}")]


def old_champion(version: str, since: datetime, now: datetime, max_age: timedelta) -> list[Alert]:
    """The champion has been champion for longer than retraining.yaml allows."""
    if now - since <= max_age:
        return []
    text = (
        f"{version} has been champion since {since:%Y-%m-%d}, for more than {max_age.days} days (retraining.yaml). "
        f"See why no newer version was promoted: mlreg status, mlreg refusals."
    )
    return [Alert("champion_old", version, since + max_age, text)]


def rolled_back(newest: Iterable[TrafficEvent], now: datetime) -> list[Alert]:
    """One a rollout that was rolled back, for a week or until the next one of the alias is opened.

    Args:
        newest: The newest change of the traffic of each alias.
        now: The current time.
    """
    return [
        Alert(
            "rollout_rolled_back",
            each.candidate,
            each.recorded_at,
            f"The rollout of {each.candidate} was rolled back; {each.champion} holds {each.alias} as before. Cause: "
            f"{each.reason} `mlreg history {each.alias}` lists its steps.",
            _severity_of(each),
        )
        for each in newest
        if each.state == ROLLED_BACK and now - each.recorded_at <= TOLD_FOR
    ]


def _severity_of(event: TrafficEvent) -> Severity:
    """By cause: users got what a budget forbids; the version is worse or may not serve; a person did it, or time."""
    if event.ruling != "roll_back":
        return "info"
    return _BY_ROW.get(event.facts.get("decision", {}).get("row"), "info")


def waiting_rollouts(waiting: Iterable[WaitingRollout]) -> list[Alert]:
    """One a step that needs an approval, until it has it."""
    return [
        Alert(
            "rollout_waits",
            f"{each.candidate} in {each.state}",
            None,
            f"The rollout of {each.candidate} waits in {each.state}: {each.reason} Look at it with `mlreg rollout "
            f"status`, then `mlreg approve {each.candidate}` or `mlreg rollout abort`.",
        )
        for each in waiting
    ]


def suspended(in_force: Iterable[Suspension]) -> list[Alert]:
    """One a suspension, until the alias is resumed."""
    return [
        Alert(
            "suspended",
            each.alias,
            each.effective_at,
            f"{each.in_words}. No holder of it scores, and nothing is promoted. `mlreg resume {each.alias} --reason …` "
            f"lets it go on; `mlreg rollback --reason …` changes the version before.",
        )
        for each in in_force
    ]


def low_disk(folder: str, free_bytes: int, table_bytes: int) -> list[Alert]:
    """Less than a gigabyte is free, or less than it takes to compact the tables."""
    wanted = max(LEAST_FREE_BYTES, 2 * table_bytes)
    if free_bytes >= wanted:
        return []
    text = (
        f"{free_bytes / _MB:,.0f} MB are free on the disk of {folder}; {wanted / _MB:,.0f} MB should be. Make room: "
        f"mlreg prune --dry-run says what could go."
    )
    return [Alert("disk_low", "home", None, text)]


def silent_channels(waiting: Iterable[OutboxMessage], now: datetime) -> list[Alert]:
    """One a channel that has not taken a message for longer than an hour."""
    oldest: dict[str, OutboxMessage] = {}
    for each in waiting:
        if now - each.event.recorded_at > WAITS_TOO_LONG:
            oldest.setdefault(each.channel, each)
    return [
        Alert(
            "channel_down",
            name,
            None,
            f"The channel {name} of notifications.yaml has not taken a message since "
            f"{each.event.recorded_at:%Y-%m-%d %H:%M} UTC, after {each.attempts} attempts"
            f"{f': {each.detail}' if each.detail else ''}. `mlreg alerts` lists what waits.",
        )
        for name, each in oldest.items()
    ]
