"""Immutable records of how an alias was suspended and resumed, and which hours that covers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mlreg_dagster.registry.errors import RegistryError

SUSPENDED: Final = "suspended"
RESUMED: Final = "resumed"

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Suspension:
    """One change: an alias is suspended, or resumed. The newest one of an alias says all that a server needs.

    Attributes:
        id: Unique among all changes.
        alias: Whose holders do not score.
        sequence: 1, 2, 3, … within the alias.
        event: `suspended` or `resumed`.
        version: The holder of the alias at that time.
        artifact_sha256: Its bytes.
        facts: How servers answer meanwhile, or who approved the resumption, as plain JSON.
        effective_at: From when it counts.
        actor: Who did it.
        reason: Why.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
        signature: Of the actor; None: not signed.
    """

    id: int
    alias: str
    sequence: int
    event: str
    version: str
    artifact_sha256: str
    facts: dict[str, Any]
    effective_at: datetime
    actor: str
    reason: str
    recorded_at: datetime
    run_id: str | None
    signature: str | None

    @property
    def is_suspended(self) -> bool:
        """Whether no holder of the alias scores from here on."""
        return self.event == SUSPENDED

    @property
    def previous(self) -> dict[str, Any] | None:
        """The version that servers answer by meanwhile: version, artifact_sha256, sequence, effective_at of its move.

        None: they refuse.
        """
        return self.facts.get("previous") if self.is_suspended else None

    @property
    def in_words(self) -> str:
        """Since when, by whom and why, in one sentence."""
        return (
            f"{self.alias} is suspended since {self.effective_at:%Y-%m-%d %H:%M:%S} UTC, by {self.actor}: {self.reason}"
        )


class AliasSuspended(RegistryError):
    """An alias that is suspended: no holder of it scores.

    Args:
        suspension: The one that holds.
        more: What else readers should know.
    """

    def __init__(self, suspension: Suspension, more: str = "") -> None:
        stopped = f"{suspension.in_words}. No holder of {suspension.alias} scores until it is resumed. {more}"
        super().__init__(stopped.strip())
        self.suspension = suspension


def in_force(changes: Iterable[Suspension], as_of: datetime | None = None) -> dict[str, Suspension]:
    """The suspensions that hold, by alias.

    Args:
        changes: Of one alias or several, those of each in their order.
        as_of: The time that is asked about; changes effective at that time count. None: all do.
    """
    newest = {each.alias: each for each in changes if as_of is None or each.effective_at <= as_of}
    return {alias: each for alias, each in newest.items() if each.is_suspended}


@dataclass(frozen=True)
class SuspendedTime:
    """A time in which an alias was suspended.

    Attributes:
        change: The suspension.
        end: When it was resumed; None: it is not.
    """

    change: Suspension
    end: datetime | None

    def meets(self, first: datetime, until: datetime) -> bool:
        """Whether any of it lies in `first ≤ t < until`."""
        return self.change.effective_at < until and (self.end is None or first < self.end)

    def covers_hour(self, hour: datetime, *, is_scored: bool) -> bool:
        """Whether no holder scores an hour.

        An hour is scored after its end, so that one that the suspension touches was not scored before. The hour that
        had just ended is covered as well where no run had scored it yet.

        Args:
            hour: Its begin.
            is_scored: Whether predictions of the alias for it are on record.
        """
        return self.meets(hour, hour + _HOUR) or (not is_scored and self.meets(hour + _HOUR, hour + 2 * _HOUR))


def suspended_times(changes: Iterable[Suspension]) -> list[SuspendedTime]:
    """The times in which one alias was suspended.

    Args:
        changes: Of the alias, the first one first.
    """
    return list(_suspended_times(changes))


def covering(times: Iterable[SuspendedTime], hour: datetime, *, is_scored: bool = True) -> Suspension | None:
    """The suspension by which no holder scores an hour; None where the holder does. Arguments as for `covers_hour`."""
    return next((each.change for each in times if each.covers_hour(hour, is_scored=is_scored)), None)


def _suspended_times(changes: Iterable[Suspension]) -> Iterator[SuspendedTime]:
    begun: Suspension | None = None
    for each in changes:
        if begun is not None:
            yield SuspendedTime(begun, each.effective_at)
        begun = each if each.is_suspended else None
    if begun is not None:
        yield SuspendedTime(begun, None)


def plain_facts(change: Suspension | None) -> Mapping[str, Any] | None:
    """A suspension as plain facts, for programs; None where there is none."""
    if change is None:
        return None
    names = ("alias", "event", "version", "artifact_sha256", "sequence", "effective_at", "recorded_at", "actor")
    return {name: getattr(change, name) for name in (*names, "reason")} | {
        "signed": change.signature is not None,
        "facts": change.facts,
    }
