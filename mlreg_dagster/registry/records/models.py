"""Immutable records of models: versions, evaluations, aliases, and the audit log's links; all times are aware, in UTC.

Records of how promotions are governed (decisions, policies, refusals, corrections) stand in `governance`.
"""

import math
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from mlreg_dagster.registry.errors import InvalidRecord
from mlreg_dagster.registry.names import as_utc, checked_actor, checked_reason

Status = Literal["candidate", "evaluated", "rejected"]
"""Never evaluated but in experiments; all gates of the latest evaluation that counts passed; some of them failed."""


@dataclass(frozen=True)
class Attribution:
    """Who adds a record to the registry, when, why, and in which run.

    Attributes:
        actor: Who acts.
        time: The current time.
        reason: Why. Training and evaluating need no reason; everything else does.
        run_id: The Dagster run, if any.
    """

    actor: str
    time: datetime
    reason: str = ""
    run_id: str | None = None

    def checked(self) -> "Attribution":
        """The same, spelled as the registry keeps it: the actor's one name, the time in UTC and microseconds.

        Raises:
            InvalidRecord: The actor or the reason has a forbidden form, the reason is blank, or the time has no zone.
        """
        return replace(self.checked_without_reason(), reason=checked_reason(self.reason))

    def checked_without_reason(self) -> "Attribution":
        """The same for records that keep no reason.

        Raises:
            InvalidRecord: The actor has a forbidden form, or the time has no zone.
        """
        return replace(self, actor=checked_actor(self.actor), time=as_utc(self.time), reason="")

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of a record that say so."""
        return {"actor": self.actor, "reason": self.reason, "recorded_at": self.time, "run_id": self.run_id}


ORIGIN = "origin"
"""In the manifest of a version's record, not of its bundle: from which branch it came; others have none."""


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
        artifact_sha256: Hash of the model's bundle; a reader asks for this hash.
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

    @property
    def origin(self) -> dict[str, Any] | None:
        """From which branch it came, sent by whom and when, with which datasets; None: it was trained here."""
        return self.manifest.get(ORIGIN)


@dataclass(frozen=True)
class GateResult:
    """The result of one gate in one evaluation.

    Attributes:
        name: The gate.
        passed: Its verdict; a gate that could not be computed has not passed.
        value: What was measured; None when it could not be computed or is not a number.
        threshold: What was asked, in words.
        detail: Why, for people.
        interval: Of a value that was measured on planted anomalies: its ends `low` and `high` (None where they can't be
            told), and the value for each of the `seeds` and `days`. None: it has none, or an older release recorded it.

    Raises:
        InvalidRecord: `passed` is not a bool, or `value` is NaN or infinite.
    """

    name: str
    passed: bool
    value: float | None
    threshold: str
    detail: str
    interval: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.passed, bool):
            raise InvalidRecord(f"Gate {self.name}: passed must be True or False, not {self.passed!r}.")
        if self.value is not None and not math.isfinite(self.value):
            raise InvalidRecord(
                f"Gate {self.name}: {self.value} is not a measurement. A gate that can't be computed "
                f"has value None, has not passed, and says why in its detail."
            )
        ends = (self.interval or {}).get("low"), (self.interval or {}).get("high")
        if any(end is not None and not math.isfinite(end) for end in ends):
            raise InvalidRecord(f"Gate {self.name}: an interval of {ends[0]} to {ends[1]} is none.")

    @property
    def kept(self) -> dict[str, Any]:
        """As the registry keeps it: without an interval where there is none, as earlier releases wrote it."""
        return {name: value for name, value in asdict(self).items() if name != "interval" or value is not None}


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
class Tenure:
    """Consecutive whole hours in which one version holds an alias, `first` and `last` included."""

    version: str
    artifact_sha256: str
    first: datetime
    last: datetime
