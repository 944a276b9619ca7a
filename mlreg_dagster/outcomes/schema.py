"""The tables of the outcomes room: predictions, their outcomes, and the performance of models."""

import re

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.names import CRASH, NO_CRASH, UNRESOLVED
from mlreg_dagster.outcomes.names import (
    OUTCOMES_TABLE,
    PERFORMANCE_TABLE,
    PREDICTIONS_TABLE,
    REASONS_TABLE,
    REMAINDER,
    ROLES,
)
from mlreg_dagster.storage.warehouse.column_checks import (
    FINITE,
    FINITE_CHANGE,
    FINITE_NOT_NEGATIVE,
    FINITE_POSITIVE,
    NOT_EMPTY,
)
from mlreg_dagster.storage.warehouse.tables import UTC, Check, Column, Table, column

WHOLE_HOUR = Check(lambda s: s.dt.floor(HOUR) == s, error="must be a whole hour")

MIDNIGHT = Check(lambda s: s.dt.normalize() == s, error="must be midnight, UTC")
_FALL = Check(lambda s: (s >= -100) & (s <= 0), error="must lie between -100 and 0 %")
SHA256 = Check(
    lambda s: s.isin([value for value in s.unique() if re.fullmatch("[0-9a-f]{64}", value)]),  # few, in many rows
    error="must be a SHA-256 in 64 hex digits",
)
_COUNT = Check(lambda s: s >= 0, error="must not be negative")
_SHARE = Check(lambda s: (s >= 0) & (s <= 1), error="must lie between 0 and 1")
_ROLE = Check(lambda s: s.isin(ROLES), error=f"must be one of {', '.join(ROLES)}")
_OUTCOME = Check(
    lambda s: s.isin([CRASH, NO_CRASH, UNRESOLVED]), error=f"must be one of {CRASH}, {NO_CRASH}, {UNRESOLVED}"
)

_SAID = {
    "instrument_id": column(str, "Stable key of the instrument.", NOT_EMPTY),
    "model_version": column(str, "The version that predicted (v1, v2, …), or ranking:<name>.", NOT_EMPTY),
    "role": column(str, "champion or challenger as of the hour, requested by a person, or ranking.", _ROLE),
    "score": column(float, "Anomaly score; higher = more anomalous.", FINITE),
    "is_anomaly": column(bool, "Flagged: the score is above the threshold of the hour."),
    "in_sample": column(
        bool, "The hour lies before the model may score (in or before its dataset); kept out of every metric."
    ),
    "price": column(float, "Price at the hour scored, from which the outcome is measured.", FINITE_POSITIVE),
}

PREDICTIONS = Table(
    name=PREDICTIONS_TABLE,
    description="The prediction of one model version for one instrument in one hour.",
    key=("hour", "instrument_id", "model_version"),
    columns={
        "hour": column(UTC, "Hour of the snapshot scored.", WHOLE_HOUR),
        "instrument_id": _SAID["instrument_id"],
        "model_version": _SAID["model_version"],
        "role": _SAID["role"],
        "score": _SAID["score"],
        "threshold": column(float, "Scores above it are flagged; one an hour, by the flag policy.", FINITE),
        "is_anomaly": _SAID["is_anomaly"],
        "in_sample": _SAID["in_sample"],
        "price": _SAID["price"],
        "artifact_sha256": column(str, "Hash of the artifact that scored, or of the definition of a ranking.", SHA256),
    },
    rules={
        "is_anomaly must be score > threshold": lambda rows: rows["is_anomaly"] == (rows["score"] > rows["threshold"])
    },
)

_RANK = Check(lambda s: s >= 1, error="must be at least 1")

PREDICTION_REASONS = Table(
    name=REASONS_TABLE,
    description="One of the families of features that raised the score of a flagged prediction most, or all others.",
    key=("hour", "instrument_id", "model_version", "rank"),
    columns={
        "hour": column(UTC, "Hour of the prediction.", WHOLE_HOUR),
        "instrument_id": _SAID["instrument_id"],
        "model_version": _SAID["model_version"],
        "rank": column(int, "1 = the family that raised the score most; the last one is the remainder.", _RANK),
        "family": column(str, f"Family of features; {REMAINDER} = all that are not named, together.", NOT_EMPTY),
        "share": column(
            float,
            "What it adds to the score, in the score's unit; the shares of a prediction sum to its score minus "
            "score_at_medians.",
            FINITE,
        ),
        "feature": column(
            str,
            "The feature of the family that lies farthest from its training median; null of the remainder.",
            nullable=True,
        ),
        "value": column(float, "Value of that feature; null when unknown.", nullable=True),
        "training_median": column(float, "Its median in the training rows of the version.", nullable=True),
        "score_at_medians": column(float, "Score of a row in which every feature has its training median.", FINITE),
    },
)

PREDICTION_OUTCOMES = Table(
    name=OUTCOMES_TABLE,
    description="The outcome of one prediction at the end of its horizon; every prediction has exactly one.",
    key=("hour", "instrument_id", "model_version"),
    columns={
        "hour": column(UTC, "When the outcome is due: prediction_hour + horizon, by the clock.", WHOLE_HOUR),
        "prediction_hour": column(UTC, "Hour of the features that were scored, UTC.", WHOLE_HOUR),
        **_SAID,
        "outcome_price": column(
            float,
            "Price at `hour`, or the newest within the tolerance before it; null = none.",
            FINITE_POSITIVE,
            nullable=True,
        ),
        "outcome_price_hour": column(UTC, "Hour in which outcome_price was seen, UTC.", WHOLE_HOUR, nullable=True),
        "change_pct": column(float, "outcome_price against price, %.", FINITE_CHANGE, nullable=True),
        "worst_drop_pct": column(
            float,
            "Lowest price seen after prediction_hour up to `hour` against price, %; positive if all were "
            "higher, null if none was seen.",
            FINITE_CHANGE,
            nullable=True,
        ),
        "outcome": column(
            str,
            "crash, no_crash, or unresolved: no price was there to tell; never taken for no crash.",
            _OUTCOME,
        ),
        "crossed_at": column(
            UTC,
            "First hour after prediction_hour up to `hour` whose price had fallen enough for a crash, lasting or "
            "not; null where none had, and in rows of releases without this column.",
            WHOLE_HOUR,
            nullable=True,
        ),
        "fall_6h_pct": column(
            float,
            "Price at prediction_hour against the highest of the 6 hours before and itself, %; "
            "null where none was seen before, and in rows of releases without this column.",
            _FALL,
            nullable=True,
        ),
    },
)


def _rate(name: str, description: str, check: Check = _SHARE) -> dict[str, Column]:
    """A rate and the ends of its confidence interval, null where they are undefined.

    A day is a single block of time: no day has an interval (decision 0023). Days of earlier releases keep theirs.
    """
    return {
        name: column(float, description, check, nullable=True),
        f"{name}_low": column(
            float, f"Lower end of the confidence interval of {name}; null: one day has none.", check, nullable=True
        ),
        f"{name}_high": column(
            float, f"Upper end of the confidence interval of {name}; null: one day has none.", check, nullable=True
        ),
    }


MODEL_PERFORMANCE = Table(
    name=PERFORMANCE_TABLE,
    description="How right one model version was, over the outcomes that fell due on one day.",
    key=("day", "model_version"),
    columns={
        "day": column(UTC, "Day of the outcome hours, UTC.", MIDNIGHT),
        "model_version": column(
            str, "The version (v1, v2, …), ranking:<name>, or served:<version>: what it answered online.", NOT_EMPTY
        ),
        "predictions": column(int, "All predictions: in_sample + resolved + unresolved.", _COUNT),
        "in_sample": column(int, "Predictions kept out of all that follows, as the model may know the hour.", _COUNT),
        "resolved": column(int, "Predictions with an outcome: crash or no crash.", _COUNT),
        "unresolved": column(int, "Predictions without a price to tell; in no rate.", _COUNT),
        "crashes": column(int, "Resolved predictions that a crash followed.", _COUNT),
        "n_instruments_crashed": column(int, "Distinct instruments among the crashes.", _COUNT),
        "flagged": column(int, "Resolved predictions that were flagged.", _COUNT),
        "true_positives": column(int, "Flagged, and a crash.", _COUNT),
        "false_positives": column(int, "Flagged, and no crash.", _COUNT),
        "false_negatives": column(int, "Not flagged, and a crash.", _COUNT),
        "true_negatives": column(int, "Not flagged, and no crash.", _COUNT),
        **_rate("recall", "Share of the crashes that were flagged; null without a crash."),
        **_rate("precision", "Share of the flagged that crashed; null without a flag."),
        **_rate("false_alarm_rate", "Share of the non-crashes that were flagged; null when all crashed."),
        **_rate("base_rate", "Share of the resolved that crashed, flagged or not; null when none is resolved."),
        **_rate(
            "lift",
            "precision / base_rate: 1 = no better than chance; null without both.",
            FINITE_NOT_NEGATIVE,
        ),
    },
)
