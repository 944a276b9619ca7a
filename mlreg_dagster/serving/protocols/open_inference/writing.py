"""Answers of the Open Inference Protocol: from `Answer`, or a served model, to bytes."""

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec import UNSET

from mlreg_dagster.serving.protocols.answered import known, parameters_of
from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.protocols.columns import HOUR, INSTRUMENT
from mlreg_dagster.serving.protocols.open_inference.outputs import (
    DISTANCE,
    IS_ANOMALY,
    OUTPUTS,
    REASONS,
    SCORE,
    TRAINING_QUANTILE,
)
from mlreg_dagster.serving.protocols.open_inference.tensors import texts_to_bytes
from mlreg_dagster.serving.protocols.open_inference.types import (
    AnsweredParameters,
    InferenceResponse,
    ModelMetadata,
    OutputTensor,
    TensorMetadata,
)

if TYPE_CHECKING:
    from mlreg_dagster.serving.answering import Answer
    from mlreg_dagster.serving.following.follower import Served

PLATFORM = "mlreg_onnx"

_encoder = msgspec.json.Encoder()


def write(answer: "Answer", asked: Asked) -> tuple[bytes, int | None]:
    """Write an answer.

    Args:
        answer: To be written.
        asked: Which outputs, and which of them as bytes.

    Returns:
        The body, and how many bytes of it are JSON, for the header `Inference-Header-Content-Length`; None: all are.
    """
    outputs, tail = [], []
    for name in _names(answer, asked):
        values = _values(answer, name)
        if name in asked.binary:
            part = texts_to_bytes(values) if name == REASONS else values.tobytes()
            tail.append(part)
            outputs.append(_output(name, len(answer.scores), parameters=AnsweredParameters(binary_data_size=len(part))))
        else:
            outputs.append(_output(name, len(answer.scores), data=values if name == REASONS else values.tolist()))
    response = InferenceResponse(
        model_name=answer.served.name,
        model_version=answer.served.model.version,
        id=known(asked.request_id),
        parameters=parameters_of(answer),
        outputs=outputs,
    )
    head = _encoder.encode(response)
    return (b"".join([head, *tail]), len(head)) if tail else (head, None)


def model_metadata(served: "Served") -> bytes:
    """What a model takes and answers."""
    model = served.model
    properties = {
        "artifact_sha256": model.sha256,
        "optional_inputs": f"{INSTRUMENT} (BYTES), {HOUR} (BYTES)",
        "unknown_values": "null, or NaN in binary tensors",
    }
    if served.alias is not None:
        properties |= {"alias": served.alias, "alias_sequence": str(served.sequence)}
    if (rollout := served.rollout) is not None:
        properties |= {
            "candidate": rollout.candidate_version,
            "candidate_weight": str(rollout.weight),
            "rollout_state": rollout.state,
            "traffic_sequence": str(rollout.sequence),
        }
    return _encoder.encode(
        ModelMetadata(
            name=served.name,
            versions=[model.version],
            platform=PLATFORM,
            inputs=[TensorMetadata(name=name, datatype="FP64", shape=[-1]) for name in model.features],
            outputs=[TensorMetadata(name=name, datatype=kind, shape=[-1]) for name, kind in OUTPUTS.items()],
            properties=properties,
        )
    )


def _names(answer: "Answer", asked: Asked) -> list[str]:
    """The outputs in their order; without a wish all that are known."""
    if asked.outputs is not None:
        wanted = list(asked.outputs)
    else:
        wanted = [SCORE, IS_ANOMALY, DISTANCE]
        if not np.isnan(answer.quantiles).all():
            wanted.append(TRAINING_QUANTILE)
    if asked.reasons and REASONS not in wanted:
        wanted.append(REASONS)
    return wanted


def _values(answer: "Answer", name: str) -> Any:
    if name == REASONS:
        return [_encoder.encode(reasons).decode() for reasons in answer.reasons or ()]
    of_output = {
        SCORE: answer.scores,
        IS_ANOMALY: answer.flags,
        DISTANCE: answer.distances,
        TRAINING_QUANTILE: answer.quantiles,
    }
    return of_output[name]


def _output(name: str, rows: int, *, parameters: Any = UNSET, data: Any = UNSET) -> OutputTensor:
    return OutputTensor(name=name, datatype=OUTPUTS[name], shape=[rows], parameters=parameters, data=data)
