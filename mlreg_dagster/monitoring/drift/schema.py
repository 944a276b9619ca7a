"""The four tables of drift, by day: data quality, features, predictions and concept."""

from typing import Any

from mlreg_dagster.monitoring.names import CONCEPT_TABLE, FEATURE_TABLE, PREDICTION_TABLE, QUALITY_TABLE
from mlreg_dagster.outcomes.schema import MIDNIGHT
from mlreg_dagster.storage.warehouse.column_checks import FINITE, FINITE_NOT_NEGATIVE, NOT_EMPTY
from mlreg_dagster.storage.warehouse.tables import UTC, Check, Column, Table, column

_SHARE = Check(lambda s: (s >= 0) & (s <= 1), error="must lie between 0 and 1")
_COUNT = Check(lambda s: s >= 0, error="must not be negative")


def _one_of(*words: str) -> Check:
    return Check(lambda s: s.isin(words), error=f"must be one of {', '.join(words)}")


def _known(description: str, *checks: Check) -> Column:
    return column(float, description, *(checks or (FINITE,)), nullable=True)


_EFFECTS: dict[str, Any] = {
    "ks": _known("Kolmogorov-Smirnov distance from the training rows; shown, decides nothing.", _SHARE),
    "psi": _known("Population stability index against the training rows; likewise.", FINITE_NOT_NEGATIVE),
    "js": _known("Jensen-Shannon distance from the training rows, base 2; likewise.", FINITE_NOT_NEGATIVE),
    "wasserstein": _known("Mean distance of ranks from those of the training rows; likewise.", _SHARE),
}
_DAY = column(UTC, "The day, UTC.", MIDNIGHT)

DATA_QUALITY_DRIFT = Table(
    name=QUALITY_TABLE,
    description="One measure of the quality of a day's data against its fixed limits.",
    key=("day", "measure"),
    columns={
        "day": _DAY,
        "measure": column(str, "What is measured.", NOT_EMPTY),
        "value": column(float, "Its value on the day.", FINITE_NOT_NEGATIVE),
        "bad": column(float, "The limit beyond which the day is bad.", FINITE_NOT_NEGATIVE),
        "severe": column(float, "The limit beyond which it is severe.", FINITE_NOT_NEGATIVE),
        "quality": column(str, "ok, bad or severe, by this measure.", _one_of("ok", "bad", "severe")),
        "detail": column(str, "Which feature or how many rows, in words; empty: nothing to tell.", nullable=True),
        "is_stale": column(bool, "Features are older than the snapshots, or made otherwise than the champion's."),
        "differs_from_training": column(
            bool, "Hours of the champion's training window hold other rows now; asked only after a severe day."
        ),
    },
)

FEATURE_DRIFT = Table(
    name=FEATURE_TABLE,
    description="One feature on one day against quiet days, by mean ranks among a reference's training rows.",
    key=("day", "feature"),
    columns={
        "day": _DAY,
        "feature": column(str, "Name of the feature that is judged.", NOT_EMPTY),
        "reference": column(str, "Whose training rows the bins were cut from.", NOT_EMPTY),
        "hours": column(int, "Hours of the day that have rows.", _COUNT),
        "quiet_days": column(int, "Quiet days that the day is held against.", _COUNT),
        "enough": column(bool, "Hours, instruments and quiet days enough; else z and innovations are not known."),
        "quiet": column(bool, "The day counts as quiet for later ones."),
        "short_memory": column(bool, "The feature forgets an event within a day or two."),
        "wanders": column(bool, "The feature is a level without a usual value: z is of its change."),
        "null_share": _known("Share of the rows without a value.", _SHARE),
        "location": _known("Mean rank among the training rows, 0 to 1.", _SHARE),
        "spread": _known("Mean |2 rank - 1|, 0 to 1.", _SHARE),
        "location_z": _known("Distance of the location's log odds from quiet days, in their standard deviations."),
        "spread_z": _known("The same of the spread."),
        "location_innovation": _known("What the day before did not announce, in its standard deviations."),
        "spread_innovation": _known("The same of the spread."),
        **_EFFECTS,
    },
)

PREDICTION_DRIFT = Table(
    name=PREDICTION_TABLE,
    description="What a champion flagged on a day against its limits, and how its scores spread.",
    key=("day", "model_version"),
    columns={
        "day": _DAY,
        "model_version": column(str, "The champion; the last one of the day is judged.", NOT_EMPTY),
        "is_newest": column(bool, "Champion in the last hour of the day that was predicted."),
        "rows": column(int, "Its predictions of the day, without those that are in-sample.", _COUNT),
        "hours": column(int, "Hours of them.", _COUNT),
        "flagged_share": _known("Of the champion's predictions of the day, the share that was flagged.", _SHARE),
        "least": column(float, "The least share that a day may flag (evaluation.yaml).", _SHARE),
        "most": column(float, "The largest.", _SHARE),
        "window_share": _known("Share flagged over the days of the flag policy; null: not all of them scored.", _SHARE),
        "window_least": column(float, "The least share over these days that the flag budget allows.", _SHARE),
        "window_most": column(float, "The largest.", _SHARE),
        "state": column(str, "within, outside or unknown.", _one_of("within", "outside", "unknown")),
        "location": _known("Mean rank of the scores among the training scores; shown, decides nothing.", _SHARE),
        "spread": _known("Mean |2 rank - 1| of them; likewise.", _SHARE),
        **_EFFECTS,
        "sentence": column(str, "All of it in words.", NOT_EMPTY),
    },
)

CONCEPT_DRIFT = Table(
    name=CONCEPT_TABLE,
    description="The champion's matured outcomes of the last weeks against one opponent on the same rows.",
    key=("day", "opponent"),
    columns={
        "day": _DAY,
        "opponent": column(str, "A version that scored beside the champion, or `ranking:<name>`.", NOT_EMPTY),
        "kind": column(str, "predecessor, challenger, version or ranking.", NOT_EMPTY),
        "decides": column(bool, "The opponent by which the day is judged."),
        "days": column(int, "Days of predictions that are compared.", _COUNT),
        "episodes": column(int, "Crash episodes in them.", _COUNT),
        "recall": _known("Share of the crashes that the champion flagged, at the same flag budget.", _SHARE),
        "opponent_recall": _known("The same of the opponent.", _SHARE),
        "difference": _known("The first minus the second; of a ranking, minus what it was before these days."),
        "low": _known("Lower end of its interval, by resampled days."),
        "high": _known("Upper end of it."),
        "detectable": _known("The difference that days like these show in 80 of 100 cases.", FINITE_NOT_NEGATIVE),
        "verdict": column(str, "unknown, same or worse.", _one_of("unknown", "same", "worse")),
        "sentence": column(str, "All of it in words.", NOT_EMPTY),
    },
)
