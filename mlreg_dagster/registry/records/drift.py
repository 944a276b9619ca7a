"""Immutable records of what was decided about drift."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class DriftDecision:
    """A day on which the state of drift changed, or what is done about it.

    A later record about the same day replaces what an earlier one says of it; both are kept.

    Attributes:
        id: Grows with every decision.
        day: The day that was judged, as its partition key.
        champion: The champion at the end of the day; None: no version was.
        state: `unknown`, `stable`, `watch`, `confirmed`, `responding` or `cooldown`.
        family: What drifts: `quality`, `data` or `concept`; None: nothing.
        action: What is done.
        table_row: The row of the decision table; 0 where none fits.
        cause: The key of what the state and a training are about; None: nothing.
        leave_out: Days whose data no training may take, as partition keys.
        facts: What it was decided on, as plain JSON.
        threshold: How the champion's frozen threshold is moved: `version`, `frozen`, `threshold`, `until`; None: not.
        effective_at: From when on the threshold counts.
        actor: Who decided.
        reason: Why, in sentences.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
    """

    id: int
    day: str
    champion: str | None
    state: str
    family: str | None
    action: str
    table_row: int
    cause: str | None
    leave_out: tuple[str, ...]
    facts: dict[str, Any]
    threshold: dict[str, Any] | None
    effective_at: datetime
    actor: str
    reason: str
    recorded_at: datetime
    run_id: str | None
