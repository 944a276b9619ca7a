"""What is answered: a served version and a request become scores, flags and where they come from.

Used by the server and by `mlreg score`; what goes over the wire is in `protocols`.
"""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.core.times import hour_key, read_hour
from mlreg_dagster.outcomes.reasons.attribution import row_id
from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.protocols.problems import BadRequest
from mlreg_dagster.serving.scoring.thresholds import Threshold, threshold_of

if TYPE_CHECKING:
    from mlreg_dagster.serving.following.follower import Served
    from mlreg_dagster.serving.online.latest import LatestHour
    from mlreg_dagster.serving.scoring.reasons import Reason


@dataclass(frozen=True)
class Answer:
    """Scored rows, and everything that an answer names.

    Attributes:
        served: The version, and the alias event by which it is served.
        answer_id: Ours, never used twice.
        request_id: As the client calls the request, else as the server does.
        answered_at: When the scores were made.
        instruments: Of each row; None where the request names none.
        hours: The market hour of each row as an hour key; None where neither request nor server knows it.
        X: What was scored, rows by features of the model; NaN is unknown.
        scores: Higher is more anomalous.
        flags: Whether each score is above the threshold.
        threshold: Which, and where it comes from.
        distances: Score minus threshold.
        quantiles: Where each score lies among those of the training rows, 0 to 1; NaN where that is unknown.
        reasons: Of each row, where they were asked for.
        knowledge_age_seconds: How long ago the registry last answered.
        stale: The rows are of an hour that is older than answers should be.
        cpu_seconds: Processor time of scoring, without all else.
    """

    served: "Served"
    answer_id: str
    request_id: str | None
    answered_at: datetime
    instruments: tuple[str, ...] | None
    hours: tuple[str, ...] | None
    X: NDArray[np.float64]
    scores: NDArray[np.float64]
    flags: NDArray[np.bool_]
    threshold: Threshold
    distances: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    reasons: "Sequence[Sequence[Reason]] | None"
    knowledge_age_seconds: float
    stale: bool
    cpu_seconds: float = 0.0


def make_answer(
    served: "Served",
    asked: Asked,
    settings: ServingSettings,
    latest: "LatestHour | None" = None,
    *,
    reason_settings: ReasonSettings | None = None,
    request_id: str | None = None,
    knowledge_age_seconds: float = 0.0,
) -> Answer:
    """Score what is asked for.

    Args:
        served: The version that answers, and nothing else does.
        asked: With rows, or with instruments whose rows of the newest hour are taken.
        settings: From which age on an hour is stale.
        latest: The newest hour; None: there is none.
        reason_settings: Of outcomes.yaml; None: the defaults.
        request_id: As the server calls the request, where the client gave it no name.
        knowledge_age_seconds: How long ago the registry last answered.

    Raises:
        BadRequest: Rows are asked for by instrument, of which this server has none.
        UnknownInstrument, NoLatestHour, OtherFeatureSettings, StaleHour: See `LatestHour`.
        NoReasons: The version has none to give.
        NoFiniteScore: A row lies too far out.
    """
    model = served.model
    X, hours, stale = asked.X, asked.hours, False
    if X is None:
        if latest is None or asked.instruments is None:
            raise BadRequest("Send the features of each row: this server has no rows of its own.")
        rows = latest.rows(asked.instruments, model.features, model.manifest["feature_settings"])
        stale = latest.is_stale(rows.hour, settings.warn_after_hours, settings.refuse_after_hours)
        X, hours = rows.X, (hour_key(rows.hour),) * len(rows.X)
    began = time.thread_time()
    scores = model.score(X)
    cpu_seconds = time.thread_time() - began
    threshold = threshold_of(model, None if latest is None else latest.threshold(model.version))
    reasons = None
    if asked.reasons:
        reasons = model.reasons(
            X, scores, _row_ids(asked.instruments, hours, len(X)), reason_settings or ReasonSettings()
        )
    return Answer(
        served=served,
        answer_id=uuid.uuid4().hex,
        request_id=asked.request_id or request_id,
        answered_at=datetime.now(UTC),
        instruments=asked.instruments,
        hours=hours,
        X=X,
        scores=scores,
        flags=scores > threshold.value,
        threshold=threshold,
        distances=scores - threshold.value,
        quantiles=model.quantile_of(scores),
        reasons=reasons,
        knowledge_age_seconds=knowledge_age_seconds,
        stale=stale,
        cpu_seconds=cpu_seconds,
    )


def _row_ids(instruments: Sequence[str] | None, hours: Sequence[str] | None, rows: int) -> list[str]:
    """Names of rows: those of `market_features` where both parts are known, so that their reasons are the same."""
    if instruments is None or hours is None:
        return [str(row) for row in range(rows)] if instruments is None else list(instruments)
    return [row_id(read_hour(hour), instrument) for hour, instrument in zip(hours, instruments, strict=True)]
