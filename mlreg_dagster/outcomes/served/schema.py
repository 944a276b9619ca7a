"""The tables of served answers. `serving.assets` writes them; what measures and keeps tables reads them from here."""

from mlreg_dagster.outcomes.names import SERVED_OUTCOMES_TABLE, SERVED_TABLE
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, SHA256, WHOLE_HOUR
from mlreg_dagster.storage.warehouse.column_checks import FINITE, FINITE_POSITIVE, NOT_EMPTY
from mlreg_dagster.storage.warehouse.tables import UTC, Check, Table, column

_FROM_ZERO = Check(lambda s: s >= 0, error="must not be negative")

_VERSION = column(str, "The version that answered (v1, v2, …).", NOT_EMPTY)
_SCORE = column(float, "Anomaly score; higher = more anomalous.", FINITE)
_FLAG = column(bool, "Flagged: the score is above the threshold.")
_ANSWER = column(str, "The server's id of the answer.", NOT_EMPTY)
_ROW = column(int, "Number of the row within the answer, from 0.", _FROM_ZERO)
_AT = column(UTC, "When it was answered.")

SERVED_PREDICTIONS = Table(
    name=SERVED_TABLE,
    description="One row of an answer of the server; its features are in the Parquet file of the hour.",
    key=("hour", "answer_id", "row"),
    columns={
        "hour": column(UTC, "Hour in which it was answered.", WHOLE_HOUR),
        "answer_id": _ANSWER,
        "row": _ROW,
        "answered_at": _AT,
        "request_id": column(str, "The client's id of the request.", nullable=True),
        "protocol": column(str, "By which it was asked."),
        "client": column(str, "Name of the key that asked; null where no keys are asked for.", nullable=True),
        "model_version": _VERSION,
        "artifact_sha256": column(str, "Hash of the artifact that scored.", SHA256),
        "alias": column(str, "The alias that was followed; null where a version was asked by name.", nullable=True),
        "alias_sequence": column(int, "Number of the move of the alias that was followed.", nullable=True),
        "arm": column(str, "champion or candidate of a rollout; null where the answer is part of none.", nullable=True),
        "traffic_sequence": column(int, "Number of the change of traffic that was followed.", nullable=True),
        "instrument_id": column(str, "As the client names it; null where it names none.", nullable=True),
        "market_hour": column(
            UTC, "Hour of the features, as the client names it; null where it names none.", WHOLE_HOUR, nullable=True
        ),
        "score": _SCORE,
        "threshold": column(float, "Scores above it are flagged.", FINITE),
        "threshold_policy": column(str, "The flag policy that it comes from."),
        "threshold_source": column(str, "hour: of an hour that the graph scored; training: the frozen one."),
        "threshold_hour": column(UTC, "Hour that the threshold is of, where it is of one.", nullable=True),
        "is_anomaly": _FLAG,
        "training_quantile": column(float, "Where the score lies among the training scores, 0 … 1.", nullable=True),
        "knowledge_age_seconds": column(float, "How old the server's knowledge of the registry was.", nullable=True),
        "stale": column(bool, "The server said that its features were old."),
        "seconds": column(float, "What the request took until its line was written.", nullable=True),
        "segment_sha256": column(str, "Hash of the segment of the log that holds it.", SHA256),
    },
)

_FOUND = ("outcome_price", "outcome_price_hour", "change_pct", "worst_drop_pct", "outcome", "crossed_at", "fall_6h_pct")

SERVED_OUTCOMES = Table(
    name=SERVED_OUTCOMES_TABLE,
    description="The outcome of the first answer of a version about an instrument and its hour.",
    key=("hour", "instrument_id", "model_version"),
    columns={
        "hour": PREDICTION_OUTCOMES.columns["hour"],
        "prediction_hour": column(UTC, "Hour of the market that was asked about.", WHOLE_HOUR),
        "instrument_id": column(str, "Stable key of the instrument.", NOT_EMPTY),
        "model_version": _VERSION,
        "answers": column(int, "Rows of answers about it by this version; the first one is counted.", _FROM_ZERO),
        "answer_id": _ANSWER,
        "row": _ROW,
        "answered_at": _AT,
        "score": _SCORE,
        "is_anomaly": _FLAG,
        "in_sample": PREDICTION_OUTCOMES.columns["in_sample"],
        "price": column(
            float, "Price at the hour asked about; null where there is none.", FINITE_POSITIVE, nullable=True
        ),
        **{name: PREDICTION_OUTCOMES.columns[name] for name in _FOUND},
    },
)
