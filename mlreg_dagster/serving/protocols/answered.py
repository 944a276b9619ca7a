"""What every answer says besides its scores: which model gave it, by which threshold, on which knowledge."""

from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, Struct, UnsetType

if TYPE_CHECKING:
    from datetime import datetime

    from mlreg_dagster.serving.answering import Answer


class ModelParameters(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where an answer comes from; what is unknown is left out.

    Attributes:
        answer_id: The server's id of the answer, as in the log of answers.
        artifact_sha256: Of the bundle of the version that scored.
        alias: That the model was asked by.
        alias_sequence: The event of the alias that the answer follows.
        arm: Which version of a rollout answered; left out where the answer is part of none.
        traffic_sequence: The change of the traffic of the alias that the answer follows.
        suspended: The version that holds the alias and is suspended; the holder before it has answered.
        suspension_sequence: The suspension that the answer follows.
        threshold: Scores above it are anomalies.
        threshold_policy: The rule that made the threshold.
        threshold_source: `hour`: from the newest hour; `training`: from the training rows.
        threshold_hour: The hour that the threshold is from.
        knowledge_age_seconds: Since the registry was last read whole.
        stale: Whether the rows are of an hour that is older than answers should be.
    """

    answer_id: str
    artifact_sha256: str
    alias: str | UnsetType = UNSET
    alias_sequence: int | UnsetType = UNSET
    arm: Literal["champion", "candidate"] | UnsetType = UNSET
    traffic_sequence: int | UnsetType = UNSET
    suspended: str | UnsetType = UNSET
    suspension_sequence: int | UnsetType = UNSET
    threshold: float
    threshold_policy: str
    threshold_source: str
    threshold_hour: str | UnsetType = UNSET
    knowledge_age_seconds: float
    stale: bool | UnsetType = UNSET


def parameters_of(answer: "Answer") -> ModelParameters:
    """What an answer says of its model."""
    served, threshold = answer.served, answer.threshold
    return ModelParameters(
        answer_id=answer.answer_id,
        artifact_sha256=served.model.sha256,
        alias=known(served.alias),
        alias_sequence=known(served.sequence),
        arm=known(served.arm),
        traffic_sequence=known(served.traffic_sequence),
        suspended=UNSET if served.suspension is None else served.suspension.version,
        suspension_sequence=UNSET if served.suspension is None else served.suspension.sequence,
        threshold=threshold.value,
        threshold_policy=threshold.policy,
        threshold_source=threshold.source,
        threshold_hour=UNSET if threshold.hour is None else iso(threshold.hour),
        knowledge_age_seconds=round(answer.knowledge_age_seconds, 3),
        stale=answer.stale,
    )


def iso(time: "datetime") -> str:
    """A time as answers write it: ISO 8601 in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def known(value: Any) -> Any:
    """The value, or UNSET for None: what is unknown is left out of an answer."""
    return UNSET if value is None else value
