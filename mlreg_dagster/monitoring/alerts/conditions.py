"""What is wrong now, by rule: plain functions from facts to alerts. Those of drift stand in `decisions`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlreg_dagster.monitoring.alerts.rules import Alert
from mlreg_dagster.monitoring.metrics.slos import Level
from mlreg_dagster.outcomes.performance.flagged_share import FlaggedShare
from mlreg_dagster.registry import OutboxMessage

WAITS_TOO_LONG = timedelta(hours=1)
"""From a message in the outbox to the alert that its channel is down."""

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
