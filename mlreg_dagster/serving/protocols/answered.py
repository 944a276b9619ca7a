"""What every answer says besides its scores: which model gave it, by which threshold, on which knowledge."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType


class ModelParameters(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where an answer comes from; what is unknown is left out.

    Attributes:
        answer_id: The server's id of the answer, as in the log of answers.
        artifact_sha256: Of the bundle of the version that scored.
        alias: That the model was asked by.
        alias_sequence: The event of the alias that the answer follows.
        threshold: The least score that is an anomaly.
        threshold_policy: The rule that made the threshold.
        threshold_source: `hour`: from the newest hour; `training`: from the training rows.
        threshold_hour: The hour that the threshold is from.
        knowledge_age_seconds: Since the registry was last read whole.
        stale: Whether what was known was older than it should be.
    """

    answer_id: str
    artifact_sha256: str
    alias: str | UnsetType = UNSET
    alias_sequence: int | UnsetType = UNSET
    threshold: float
    threshold_policy: str
    threshold_source: str
    threshold_hour: str | UnsetType = UNSET
    knowledge_age_seconds: float
    stale: bool = False


def known(value: Any) -> Any:
    """The value, or UNSET for None: an unknown parameter is left out."""
    return UNSET if value is None else value
