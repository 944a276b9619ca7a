"""The table of the worth of versions: what each day adds, and the verdict as of the day."""

from typing import get_args

from mlreg_dagster.outcomes.names import WORTH_TABLE, WorthVerdict
from mlreg_dagster.outcomes.schema import MIDNIGHT
from mlreg_dagster.outcomes.worth.counts import COLUMNS
from mlreg_dagster.outcomes.worth.difference import MEASURES
from mlreg_dagster.storage.warehouse.column_checks import FINITE, FINITE_NOT_NEGATIVE, NOT_EMPTY
from mlreg_dagster.storage.warehouse.tables import UTC, Check, Column, Table, column

_VERDICTS = get_args(WorthVerdict)
_VERDICT = Check(lambda s: s.isin(_VERDICTS), error=f"must be one of {', '.join(_VERDICTS)}")
_COUNT = Check(lambda s: s >= 0, error="must not be negative")
_SHARE = Check(lambda s: (s >= 0) & (s <= 1), error="must lie between 0 and 1")

_COUNTED = {
    "pairs": "Rows that both predicted, resolved, in-sample for neither.",
    "left_out": "Predictions of the version without such a pair.",
    "crashes": "Pairs that a crash followed.",
    "flagged": "Pairs that the version flagged.",
    "true_positives": "Of these, before a crash.",
    "opponent_flagged": "Pairs that the opponent flagged.",
    "opponent_true_positives": "Of these, before a crash.",
    "held": "Flags of the version that count at the same flag budget.",
    "hits": "Of these, before a crash.",
    "opponent_held": "Flags of the opponent that count at the same flag budget.",
    "opponent_hits": "Of these, before a crash.",
    "gain": "The version's part of the average precision within the flag budget.",
    "opponent_gain": "The opponent's part of it.",
    "findable": "The most that could be gained.",
}


def _measure(name: str) -> dict[str, Column]:
    words = name.replace("_", " ")
    return {
        name: column(float, f"The version's {words}, over all days so far.", _SHARE, nullable=True),
        f"opponent_{name}": column(float, f"The opponent's {words}, on the same rows.", _SHARE, nullable=True),
        f"{name}_difference": column(float, "The first minus the second.", FINITE, nullable=True),
        f"{name}_difference_low": column(
            float, "Lower end of its confidence interval, by resampled blocks of time.", FINITE, nullable=True
        ),
        f"{name}_difference_high": column(float, "Upper end of it.", FINITE, nullable=True),
    }


MODEL_WORTH = Table(
    name=WORTH_TABLE,
    description="A model version against one opponent: what the day adds, and what all days so far say together.",
    key=("day", "model_version", "opponent"),
    columns={
        "day": column(UTC, "Day at whose end this was known, UTC.", MIDNIGHT),
        "prediction_day": column(
            UTC, "Day of the predictions that are counted: the newest whose outcomes are due.", MIDNIGHT
        ),
        "model_version": column(str, "The version; `champion`: whichever was champion at the hour.", NOT_EMPTY),
        "opponent": column(str, "`ranking:<name>`, or `champion`.", NOT_EMPTY),
        **{name: column(float, _COUNTED[name], FINITE_NOT_NEGATIVE) for name in COLUMNS},
        "verdict": column(
            str,
            "The version against this opponent: better, not worse, worse or unknown. It is asked when a week of "
            "predictions is complete, and on the last day of a run; null on other days.",
            _VERDICT,
            nullable=True,
        ),
        "reason": column(str, "Why it is unknown; empty otherwise.", nullable=True),
        "weeks": column(float, "Complete weeks with pairs.", _COUNT, nullable=True),
        "blocks": column(float, "Blocks of time that the intervals are resampled from.", _COUNT, nullable=True),
        "episodes": column(float, "Crash episodes of instruments.", _COUNT, nullable=True),
        "independent_episodes": column(float, "The most of them of which no two overlap.", _COUNT, nullable=True),
        **{name: spec for measure in MEASURES for name, spec in _measure(measure).items()},
        "surely_above": column(
            float, "The difference in precision lies above it, at every look.", FINITE, nullable=True
        ),
        "surely_below": column(
            float, "The difference in precision lies below it, at every look.", FINITE, nullable=True
        ),
        "detectable": column(
            float, "Difference in precision that the verdict shows in 80 of 100 cases.", FINITE, nullable=True
        ),
        "is_best": column(bool, "The ranking against which the version stands worst."),
        "worth": column(str, "The version against all rankings.", _VERDICT, nullable=True),
        "sentence": column(str, "The worth of the version in words.", nullable=True),
    },
)
