"""What the registry hands out: immutable records, all times aware and in UTC."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mlreg_dagster.registry.errors import InvalidRecord

Status = Literal["candidate", "evaluated", "rejected"]
"""Never evaluated but in experiments; all gates of the latest evaluation that counts passed; some of them failed."""

DecisionKind = Literal["approval", "rejection", "exception"]


@dataclass(frozen=True)
class ModelVersion:
    """One trained, immutable model.

    Attributes:
        version: `v1`, `v2`, ….
        created_at: When it was registered.
        created_by: Who trained it.
        run_id: The Dagster run that did, if any.
        detector: Which detector.
        dataset_day: Day of the training dataset, as its partition key.
        dataset_sha256: Hash of the training dataset's bundle.
        artifact_sha256: Hash of the model's bundle; whoever loads it asks for this hash.
        manifest: Everything needed to train it again.
    """

    version: str
    created_at: datetime
    created_by: str
    run_id: str | None
    detector: str
    dataset_day: str
    dataset_sha256: str
    artifact_sha256: str
    manifest: dict[str, Any]


@dataclass(frozen=True)
class GateResult:
    """What one gate said of one evaluation.

    Attributes:
        name: The gate.
        passed: Its verdict; a gate that could not be computed has not passed.
        value: What was measured; None when it could not be computed or is not a number.
        threshold: What was asked, in words.
        detail: Why, for people.

    Raises:
        InvalidRecord: `passed` is not a bool, or `value` is NaN or infinite.
    """

    name: str
    passed: bool
    value: float | None
    threshold: str
    detail: str

    def __post_init__(self) -> None:
        if not isinstance(self.passed, bool):
            raise InvalidRecord(f"Gate {self.name}: passed must be True or False, not {self.passed!r}.")
        if self.value is not None and not math.isfinite(self.value):
            raise InvalidRecord(
                f"Gate {self.name}: {self.value} is not a measurement. A gate that can't be computed "
                f"has value None, has not passed, and says why in its detail."
            )


@dataclass(frozen=True)
class Evaluation:
    """The frozen artifact's results on one holdout.

    Attributes:
        id: Grows with every evaluation; the highest one of a version that is no experiment counts.
        version: What was evaluated.
        artifact_sha256: The bytes that were evaluated; always those of the version.
        holdout_sha256: Hash of the holdout's bundle.
        passed: Whether all gates passed.
        gates: Every gate's result.
        metrics: Further numbers.
        thresholds: The settings that the gates used.
        recorded_at: When it was written.
        actor: Who evaluated.
        run_id: The Dagster run, if any.
        holdout_day: Day of the holdout; None where an older release recorded it.
        code_sha256: Hash of the code that judged; None where an older release recorded it.
        departures: How it departs from the configuration that was in force. An evaluation with departures is an
            experiment: it admits nothing, and leaves the version's status alone.
    """

    id: int
    version: str
    artifact_sha256: str
    holdout_sha256: str
    passed: bool
    gates: tuple[GateResult, ...]
    metrics: dict[str, Any]
    thresholds: dict[str, Any]
    recorded_at: datetime
    actor: str
    run_id: str | None
    holdout_day: str | None = None
    code_sha256: str | None = None
    departures: tuple[str, ...] | None = None

    @property
    def is_experiment(self) -> bool:
        """Whether it departs from the configuration that was in force."""
        return bool(self.departures)


@dataclass(frozen=True)
class AliasEvent:
    """One move of an alias.

    Attributes:
        id: Unique among all events.
        alias: `champion`, `challenger`, ….
        sequence: 1, 2, 3, … within the alias.
        version: The new holder.
        previous_version: The holder before; None for the first.
        artifact_sha256: The new holder's bytes.
        evaluation_id: The passed evaluation that allowed the move.
        effective_at: From when it counts.
        recorded_at: When it was written.
        actor: Who moved it.
        reason: Why.
        run_id: The Dagster run, if any.
        evidence: The policy that applied and what it was decided on.
    """

    id: int
    alias: str
    sequence: int
    version: str
    previous_version: str | None
    artifact_sha256: str
    evaluation_id: int
    effective_at: datetime
    recorded_at: datetime
    actor: str
    reason: str
    run_id: str | None
    evidence: dict[str, Any]


@dataclass(frozen=True)
class Decision:
    """What a person decided about the bytes of a version.

    Attributes:
        id: Grows with every decision.
        kind: An approval, a rejection, or an exception from what the policy asks.
        version: What was decided about.
        artifact_sha256: Its bytes; a decision about other bytes counts for nothing.
        evaluation_id: The evaluation that was looked at; None if there was none.
        actor: Who decided.
        reason: Why.
        lifts: What an exception lifts; empty for other kinds.
        expires_at: Until when an exception counts; None for other kinds.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
        signature: Of the actor, over all of the above but id and run; None where nobody signed.
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


@dataclass(frozen=True)
class AuditRecord:
    """One link of the audit log.

    Attributes:
        sequence: 1, 2, 3, …
        kind: Which table the row belongs to.
        row: Its primary key.
        content: The row as canonical JSON.
        previous_hash: Of the record before; 64 zeros for the first.
        hash: SHA-256 over all of the above.
    """

    sequence: int
    kind: str
    row: int
    content: str
    previous_hash: str
    hash: str


@dataclass(frozen=True)
class Spell:
    """Consecutive whole hours with the same holder, `first` and `last` included."""

    version: str
    artifact_sha256: str
    first: datetime
    last: datetime
