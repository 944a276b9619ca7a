"""Immutable records of how promotions are governed: decisions, policies, refusals, corrections, restores."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mlreg_dagster.registry.records.models import Attribution

RefusalOutcome = Literal["hold", "refuse"]

WAIVER: Literal["exception"] = "exception"
"""How a waiver is stored, in rows and in what was signed; people read `waiver`."""

DecisionKind = Literal["approval", "rejection", "exception"]
"""As stored; `Decision.title` is for people."""


def decision_title(kind: DecisionKind) -> str:
    """What people call a kind of decision."""
    return "waiver" if kind == WAIVER else kind


@dataclass(frozen=True)
class Decision:
    """A person's decision about the bytes of a version.

    Attributes:
        id: Grows with every decision.
        kind: An approval, a rejection, or a waiver of what the policy asks, as stored.
        version: The version.
        artifact_sha256: Its bytes; a decision about other bytes counts for nothing.
        evaluation_id: The evaluation that was looked at; None if there was none.
        actor: Who decided.
        reason: Why.
        lifts: The rules that a waiver waives, as stored; empty for other kinds.
        expires_at: Until when a waiver counts; None for other kinds.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
        signature: Of the actor, over all of the above but id and run; None: not signed.
    """

    id: int
    kind: DecisionKind
    version: str
    artifact_sha256: str
    evaluation_id: int | None
    actor: str
    reason: str
    lifts: tuple[str, ...]
    expires_at: datetime | None
    recorded_at: datetime
    run_id: str | None
    signature: str | None

    @property
    def is_waiver(self) -> bool:
        """Whether it waives rules."""
        return self.kind == WAIVER

    @property
    def title(self) -> str:
        """Its kind, for people: approval, rejection or waiver."""
        return decision_title(self.kind)

    @property
    def waives(self) -> tuple[str, ...]:
        """The rules that a waiver waives; empty for other kinds."""
        return self.lifts


@dataclass(frozen=True)
class PolicyRecord:
    """What promotions are judged by from a time on.

    Attributes:
        id: Grows with every adoption; the highest one is in force.
        content_sha256: Hash of the content's canonical form.
        content: The values of promotion.yaml, use_case.yaml and evaluation.yaml, by file name.
        previous_sha256: Hash of the policy before; None for the first.
        actor: Who adopted it.
        reason: Why.
        approved_by: Whose approvals of this change counted.
        recorded_at: When it was adopted.
        run_id: The Dagster run, if any.
        signature: Of the actor; None: not signed.
    """

    id: int
    content_sha256: str
    content: dict[str, Any]
    previous_sha256: str | None
    actor: str
    reason: str
    approved_by: tuple[str, ...]
    recorded_at: datetime
    run_id: str | None
    signature: str | None


@dataclass(frozen=True)
class PolicyApproval:
    """A person's consent to replace one policy by another.

    Attributes:
        id: Grows with every approval.
        content_sha256: Hash of the new policy.
        previous_sha256: Hash of the policy that it replaces.
        actor: Who approves.
        reason: Why.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
        signature: Of the actor; None: not signed.
    """

    id: int
    content_sha256: str
    previous_sha256: str
    actor: str
    reason: str
    recorded_at: datetime
    run_id: str | None
    signature: str | None

    @property
    def by(self) -> Attribution:
        """Who, when and why."""
        return Attribution(self.actor, self.recorded_at, self.reason, self.run_id)


@dataclass(frozen=True)
class Withdrawal:
    """A decision that is taken back.

    Attributes:
        id: Grows with every withdrawal.
        decision_id: The decision.
        actor: Who takes it back.
        reason: Why.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
        signature: Of the actor; None: not signed.
    """

    id: int
    decision_id: int
    actor: str
    reason: str
    recorded_at: datetime
    run_id: str | None
    signature: str | None

    @property
    def by(self) -> Attribution:
        """Who, when and why."""
        return Attribution(self.actor, self.recorded_at, self.reason, self.run_id)


@dataclass(frozen=True)
class Refusal:
    """A promotion that was asked for and did not happen.

    Attributes:
        id: Grows with every refusal.
        alias: Which alias.
        version: What was to hold it.
        artifact_sha256: Its bytes.
        actor: Who asked.
        reason: Why they asked.
        outcome: `hold` (it has to wait) or `refuse`.
        because: What stood in the way.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
    """

    id: int
    alias: str
    version: str
    artifact_sha256: str
    actor: str
    reason: str
    outcome: RefusalOutcome
    because: str
    recorded_at: datetime
    run_id: str | None


@dataclass(frozen=True)
class Correction:
    """A move of an alias that was recorded in the future, by a clock that was ahead, and is taken back.

    Attributes:
        id: Grows with every correction.
        alias: Which alias.
        sequence: The move's, within the alias.
        actor: Who takes it back.
        reason: Why.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
    """

    id: int
    alias: str
    sequence: int
    actor: str
    reason: str
    recorded_at: datetime
    run_id: str | None


@dataclass(frozen=True)
class Restore:
    """The registry was replaced by an older copy of itself.

    Attributes:
        id: Grows with every restore.
        actor: Who restored it.
        reason: Why.
        facts: What is known to be lost: the witnessed audit records that the copy lacks, for example.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
    """

    id: int
    actor: str
    reason: str
    facts: dict[str, Any]
    recorded_at: datetime
    run_id: str | None
