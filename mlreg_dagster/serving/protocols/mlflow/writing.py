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
            instrument_id=UNSET if answer.instruments is None else answer.instruments[row],
            hour=UNSET if answer.hours is None else answer.hours[row],
            reasons=UNSET if answer.reasons is None else list(answer.reasons[row]),
        )
        for row, (score, is_anomaly, distance, quantile) in enumerate(numbers)
    ]
    of_model = msgspec.structs.asdict(parameters_of(answer))
    model = InvocationModel(name=answer.served.name, version=answer.served.model.version, **of_model)
    return _encoder.encode(InvocationResponse(predictions=predictions, model=model))
