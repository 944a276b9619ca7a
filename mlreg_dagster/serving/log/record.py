"""An answer as a line of the prediction log. How lines are read stands in `lines`, which the server does without."""

from datetime import UTC
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from mlreg_dagster.serving.answering import Answer

RECORD = 2
"""The form of the lines; a reader refuses those of a form that it does not know."""

_encode = msgspec.json.Encoder().encode


def line_of(answer: "Answer", seconds: float, protocol: str, client: str | None) -> bytes:
    """One line of JSON with all rows of an answer, its end included; what is not finite is null.

    Args:
        answer: What is answered.
        seconds: From the first byte of the request to the answer, as far as it is known.
        protocol: By which it was asked.
        client: The name of the key that asked, never the key; None where no keys are asked for.
    """
    served, model, threshold = answer.served, answer.served.model, answer.threshold
    return (
        _encode(
            {
                "record": RECORD,
                "answer_id": answer.answer_id,
                "answered_at": answer.answered_at.astimezone(UTC),
                "request_id": answer.request_id,
                "protocol": protocol,
                "client": client,
                "seconds": float(seconds),
                "model_version": model.version,
                "artifact_sha256": model.sha256,
                "alias": served.alias,
                "alias_sequence": served.sequence,
                "arm": served.arm,
                "traffic_sequence": served.traffic_sequence,
                "threshold": float(threshold.value),
                "threshold_policy": threshold.policy,
                "threshold_hour": threshold.hour,
                "threshold_source": threshold.source,
                "knowledge_age_seconds": float(answer.knowledge_age_seconds),
                "stale": answer.stale,
                "instruments": answer.instruments,
                "hours": answer.hours,
                "scores": answer.scores.tolist(),
                "flags": answer.flags.tolist(),
                "quantiles": answer.quantiles.tolist(),
                "features": dict(zip(model.features, answer.X.T.tolist(), strict=True)),
            }
        )
        + b"\n"
    )
