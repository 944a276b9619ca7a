"""The share that the champion flagged in its last day, against the limits of the gate that it passed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.outcomes.names import PREDICTIONS_TABLE
from mlreg_dagster.storage.warehouse.reader import Tables, moment

if TYPE_CHECKING:
    from mlreg_dagster.storage.warehouse.warehouse import Warehouse

MIN_HOURS = 6
"""Hours of the day that must have predictions: about those of a market that closes overnight."""

_COLUMNS = ("hour", "model_version", "role", "is_anomaly", "in_sample")


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


def flagged_share(warehouse: "Warehouse", limits: EvaluationSettings) -> FlaggedShare:
    """What the champion as of its newest prediction flagged in the 24 hours up to it, by the clock."""
    with warehouse.connect() as connection:
        return flagged_share_in(Tables(connection, "the warehouse"), limits)


def flagged_share_in(tables: Tables, limits: EvaluationSettings, until: datetime | None = None) -> FlaggedShare:
    """Hold the champions' last day against the limits of an evaluation.

    Args:
        tables: Where the predictions are.
        limits: `min_anomaly_rate` and `max_anomaly_rate`.
        until: Later hours do not count; None: all do.

    Returns:
        `unknown` where the newest champion has scored fewer than MIN_HOURS of the day out of sample, or so few rows
        that one of them is more than the least share to be flagged.

    Raises:
        UnknownColumns: Another release wrote the table.
    """
    day = tables.rows(_day_until(until)) if tables.has(PREDICTIONS_TABLE, _COLUMNS) else []
    if not day:
        return FlaggedShare("unknown", None, 0, None, "Not known: no champion has scored an hour yet.")
    newest, version, *_ = day[-1]
    counts = [(rows, flagged) for _, name, rows, flagged in day if name == version and rows]
    rows, hours = sum(scored for scored, _ in counts), len(counts)
    share = sum(flagged for _, flagged in counts) / rows if rows else None
    least, most = limits.min_anomaly_rate, limits.max_anomaly_rate
    last = f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M}"
    allowed = f"allowed are {least:.1%} to {most:.1%} (evaluation.yaml)"
    if share is None or hours < MIN_HOURS or rows * least < 1:
        scored = f"{version} has scored {rows:,} rows in {hours} hours out of sample in the day up to {last}"
        return FlaggedShare("unknown", share, rows, version, f"Not known: {scored}, too few to tell; {allowed}.")
    text = f"{version} flagged {share:.1%} of {rows:,} rows in the day up to {last}; {allowed}."
    return FlaggedShare("within" if least <= share <= most else "outside", share, rows, version, text)


def of_champion(found: FlaggedShare, version: str) -> FlaggedShare:
    """What is known of the present champion: nothing where another version scored the newest hour."""
    if found.version in (version, None):
        return found
    text = f"Not known: {version} has not scored the newest hour yet. Before it: {found.text}"
    return FlaggedShare("unknown", None, 0, version, text)


def as_values(found: FlaggedShare) -> Mapping[str, Any]:
    """The numbers behind it, as far as there are any."""
    values = {"version": found.version, "flagged_share": found.share, "rows": found.rows}
    return {name: value for name, value in values.items() if value is not None}


def _day_until(until: datetime | None) -> str:
    known = "" if until is None else f" AND hour <= {moment(until)}"
    champions = f"FROM {PREDICTIONS_TABLE} WHERE role = 'champion'{known}"
    return (
        "SELECT CAST(epoch(hour) AS BIGINT), model_version, count(*) FILTER (NOT in_sample), "
        f"count(*) FILTER (NOT in_sample AND is_anomaly) {champions} "
        f"AND hour > (SELECT max(hour) {champions}) - INTERVAL 24 HOUR GROUP BY hour, model_version ORDER BY hour"
    )
