"""The share that the champion flagged in its last day, against the limits of the gate that it passed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

DAY_HOURS = 24
MIN_HOURS = 6
"""Hours of the day that must have predictions: about those of a market that closes overnight."""


@dataclass(frozen=True)
class FlaggedShare:
    """What the champion flagged of the last day that it scored.

    Attributes:
        state: `unknown` where there are too few predictions to tell.
        share: Flagged rows out of all; None without a row.
        rows: Predictions of the day, without those that are in-sample.
        version: The champion as of the newest hour; None where there was none.
        text: All of it in a sentence.
    """

    state: Literal["within", "outside", "unknown"]
    share: float | None
    rows: int
    version: str | None
    text: str


def flagged_share(tables: Warehouse, limits: EvaluationSettings) -> FlaggedShare:
    """What the champion as of its newest prediction flagged in the 24 hours up to it, by the clock."""
    with tables.session():
        tables.newest(PREDICTIONS)  # the table is there from now on
        day = tables.query(
            f"SELECT hour, model_version, is_anomaly, in_sample FROM {PREDICTIONS.name} WHERE role = 'champion' "  # noqa: S608
            f"AND hour > (SELECT max(hour) FROM {PREDICTIONS.name} WHERE role = 'champion') - $day ORDER BY hour",
            {"day": DAY_HOURS * HOUR},
        )
    return judge(day, limits)


def judge(day: pd.DataFrame, limits: EvaluationSettings) -> FlaggedShare:
    """Hold a day's predictions against the limits of an evaluation.

    Args:
        day: hour, model_version, is_anomaly and in_sample of the champions of a day, by hour.
        limits: `min_anomaly_rate` and `max_anomaly_rate`.

    Returns:
        `unknown` where the newest champion has scored fewer than MIN_HOURS of the day out of sample, or so few rows
        that one of them is more than the least share to be flagged.
    """
    if day.empty:
        return FlaggedShare("unknown", None, 0, None, "Not known: no champion has scored an hour yet.")
    version = str(day["model_version"].iloc[-1])
    scored_rows = day[(day["model_version"] == version) & ~day["in_sample"]]
    rows, hours = len(scored_rows), scored_rows["hour"].nunique()
    share = float(scored_rows["is_anomaly"].mean()) if rows else None
    least, most = limits.min_anomaly_rate, limits.max_anomaly_rate
    until = f"{day['hour'].iloc[-1]:%Y-%m-%d %H:%M}"
    allowed = f"allowed are {least:.1%} to {most:.1%} (evaluation.yaml)"
    if share is None or hours < MIN_HOURS or rows * least < 1:
        scored = f"{version} has scored {rows:,} rows in {hours} hours out of sample in the day up to {until}"
        return FlaggedShare("unknown", share, rows, version, f"Not known: {scored}, too few to tell; {allowed}.")
    text = f"{version} flagged {share:.1%} of {rows:,} rows in the day up to {until}; {allowed}."
    return FlaggedShare("within" if least <= share <= most else "outside", share, rows, version, text)


def as_values(found: FlaggedShare) -> Mapping[str, Any]:
    """The numbers behind it, as far as there are any."""
    values = {"version": found.version, "flagged_share": found.share, "rows": found.rows}
    return {name: value for name, value in values.items() if value is not None}
