"""Immutable records of how the traffic of an alias is split between two versions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

WHOLE = 10_000
"""All traffic, in basis points."""

CLOSED: Final = "closed"
ROLLED_BACK: Final = "rolled_back"
FINISHED: Final = "finished"
"""An A/B test has ended, and the alias stays."""
ENDED: Final = (CLOSED, ROLLED_BACK, FINISHED)
"""The states that end a rollout."""

PAUSE, RESUME = "pause", "resume"
"""The rulings of a person that leave state and weight as they are."""


@dataclass(frozen=True)
class TrafficEvent:
    """One change of a rollout; each is the whole split, so that the newest one is all that a server needs.

    Attributes:
        id: Unique among all events.
        alias: Whose traffic it is.
        sequence: 1, 2, 3, … within the alias, over all its rollouts.
        rollout: The sequence at which the rollout was opened: what the events of one have in common.
        state: Where the rollout is; `closed`, `rolled_back` and `finished` end it.
        champion: The version that held the alias when the rollout was opened.
        champion_sha256: Its bytes.
        candidate: The version that is rolled out.
        candidate_sha256: Its bytes.
        weight: Share of the candidate, in basis points; 10,000: it holds the alias.
        shadow: Whether the candidate scores what the champion answers.
        salt: Assigns routing keys to the two.
        ruling: What was decided: `open`, `advance`, `roll_back`, `finish`, `pause`, `resume`, `superseded`.
        facts: What it was decided on, as plain JSON.
        alias_sequence: The move of the alias that was made with it; None: the alias stayed.
        effective_at: From when it counts.
        actor: Who decided.
        reason: Why.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
    """

    id: int
    alias: str
    sequence: int
    rollout: int
    state: str
    champion: str
    champion_sha256: str
    candidate: str
    candidate_sha256: str
    weight: int
    shadow: bool
    salt: str
    ruling: str
    facts: dict[str, Any]
    alias_sequence: int | None
    effective_at: datetime
    actor: str
    reason: str
    recorded_at: datetime
    run_id: str | None

    @property
    def is_open(self) -> bool:
        """Whether the rollout goes on."""
        return self.state not in ENDED


def plain_facts(event: TrafficEvent | None) -> dict[str, Any] | None:
    """A change as plain facts, for programs; None: there is none."""
    return None if event is None else {name: value for name, value in asdict(event).items() if name != "id"}


def of_rollout(history: Sequence[TrafficEvent], number: int | None = None) -> list[TrafficEvent]:
    """The changes of one rollout, the opening first; none where there was no such rollout.

    Args:
        history: All changes of the traffic of an alias, the first one first.
        number: The sequence at which the rollout was opened; None: the newest rollout.
    """
    return [each for each in history if each.rollout == (history[-1].rollout if number is None else number)]


def is_paused(changes: Sequence[TrafficEvent]) -> bool:
    """Whether a person paused a rollout that no one has resumed since.

    Args:
        changes: Of one rollout, the opening first.
    """
    return next((each.ruling for each in reversed(changes) if each.ruling in (PAUSE, RESUME)), RESUME) == PAUSE
