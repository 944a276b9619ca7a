"""Answers of MLflow's protocol: from `Answer` to bytes."""

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from mlreg_dagster.serving.protocols.answered import parameters_of
from mlreg_dagster.serving.protocols.mlflow.types import InvocationModel, InvocationResponse, Prediction

if TYPE_CHECKING:
    from mlreg_dagster.serving.answering import Answer

_encoder = msgspec.json.Encoder()


def write(answer: "Answer") -> bytes:
    """Write an answer."""
    rows = len(answer.scores)
    optional = zip(
        answer.instruments or [UNSET] * rows,
        answer.hours or [UNSET] * rows,
        answer.reasons or [UNSET] * rows,
        strict=True,
    )
    numbers = zip(
        answer.scores.tolist(),
        answer.flags.tolist(),
        answer.distances.tolist(),
        answer.quantiles.tolist(),
        strict=True,
    )
    predictions = [
        Prediction(
            score=score,
            is_anomaly=is_anomaly,
            distance=distance,
            training_quantile=quantile,
            instrument_id=instrument,
            hour=hour,
            reasons=reasons,
        )
        for (score, is_anomaly, distance, quantile), (instrument, hour, reasons) in zip(numbers, optional, strict=True)
    ]
    of_model = msgspec.structs.asdict(parameters_of(answer))
    model = InvocationModel(name=answer.served.name, version=answer.served.model.version, **of_model)
    return _encoder.encode(InvocationResponse(predictions=predictions, model=model))
