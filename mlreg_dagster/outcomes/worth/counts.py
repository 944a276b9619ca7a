"""Counts of a day: all that a verdict needs to know of the pairs, so that stored days need not be read again."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.core.hours import HOUR, hours_since_epoch
from mlreg_dagster.outcomes.worth.budget import held_to_budget
from mlreg_dagster.outcomes.worth.pairs import paired

COLUMNS = (
    "pairs",
    "left_out",
    "crashes",
    "flagged",
    "true_positives",
    "opponent_flagged",
    "opponent_true_positives",
    "held",
    "hits",
    "opponent_held",
    "opponent_hits",
    "gain",
    "opponent_gain",
    "findable",
)
"""What is counted of a day:

- `pairs`; `crashes` among them; `left_out`: predictions of the version without a pair (in-sample or unresolved for
  either, or the opponent has none).
- `flagged`, `true_positives`, the same of the opponent: flags as recorded.
- `held`, `hits`, the same of the opponent: flags that count at the same budget (`budget`), and the crashes among them.
- `gain`, `opponent_gain`, `findable`: parts of the average precision within the budget (`average_precision_parts`).
"""


def day_numbers(days: pd.Index) -> NDArray[np.int64]:
    """Days since 1970-01-01, of times in UTC."""
    return hours_since_epoch(pd.DatetimeIndex(days)) // 24


def monday_before(day: pd.Timestamp) -> pd.Timestamp:
    """The Monday of the day's week, from which on rows are needed to count the day: a week shares its flag budget."""
    return day - pd.Timedelta(days=day.day_of_week)


def known_until(outcomes: pd.DataFrame) -> pd.Timestamp | None:
    """The end of the last day whose outcomes are all due by the newest hour of `outcomes`; None without a row."""
    if outcomes.empty:
        return None
    horizon = (outcomes["hour"] - outcomes["prediction_hour"]).max()
    return pd.Timestamp(outcomes["hour"].max() - horizon + HOUR).floor("D")


def counts_by_day(
    outcomes: pd.DataFrame,
    version: str,
    opponent: str,
    budget: float,
    since: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Count the pairs of each day of the prediction hours.

    Only days are counted whose outcomes are all due, so that a day that was counted never changes. To continue stored
    counts, give the outcomes from `monday_before` of `since` on: flags of a week are held to one budget.

    Args:
        outcomes: Rows of PREDICTION_OUTCOMES; those of other versions matter for what is due only.
        version: The version in question.
        opponent: Another version, or a ranking.
        budget: Share of a day's rows within which average precision is measured.
        since: The first day that is counted; None: the first of all.
        until: The first day that is not; None: the first one whose outcomes are not all due by the newest row.

    Returns:
        COLUMNS by `day`, ascending; a day without a pair has no row.

    Raises:
        InvalidRows: As for `paired`.
    """
    pairs = paired(outcomes, version, opponent)
    hours = hours_since_epoch(pairs["prediction_hour"])
    days, starts = np.unique(hours // 24, return_index=True)  # ordered by hour: each day is a stretch of rows
    if not len(days):
        return pd.DataFrame(columns=list(COLUMNS), index=_as_days(days), dtype="float64")
    crash, flag, other = (pairs[name].to_numpy(dtype=bool) for name in ("crash", "flag", "opponent_flag"))
    score, other_score = (pairs[name].to_numpy(dtype=float) for name in ("score", "opponent_score"))
    held, other_held = held_to_budget(hours, (flag, other), (score, other_score))
    kinds = {
        "pairs": np.ones(len(pairs)),
        "crashes": crash,
        "flagged": flag,
        "true_positives": flag & crash,
        "opponent_flagged": other,
        "opponent_true_positives": other & crash,
        "held": held,
        "hits": held * crash,
        "opponent_held": other_held,
        "opponent_hits": other_held * crash,
    }
    marks = np.stack([each.astype(np.float64) for each in kinds.values()], axis=1)
    counts = pd.DataFrame(np.add.reduceat(marks, starts), columns=list(kinds), index=_as_days(days))
    counts[["gain", "opponent_gain", "findable"]] = [
        average_precision_parts(crash[rows], score[rows], other_score[rows], budget)
        for rows in map(slice, starts, [*starts[1:], len(pairs)])
    ]
    own = hours_since_epoch(outcomes.loc[outcomes["model_version"] == version, "prediction_hour"]) // 24
    made = np.searchsorted(np.sort(own), [days, days + 1])
    counts["left_out"] = made[1] - made[0] - counts["pairs"]
    until = known_until(outcomes) if until is None else until
    wanted = (counts.index < until) & (since is None or counts.index >= since)
    return counts.loc[wanted, list(COLUMNS)]


def _as_days(days: NDArray[np.int64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(days, unit="D", utc=True), name="day").as_unit("us")


def average_precision_parts(
    crash: NDArray[np.bool_], score: NDArray[np.float64], opponent_score: NDArray[np.float64], budget: float
) -> tuple[float, float, float]:
    """Average precision within the budget, as what days add up.

    Of the rows of a day, ranked by score, the first `budget` share is looked at: k rows. The gain is the sum of the
    precision at each crash among them; it is at most min(k, crashes), what is findable. Average precision over several
    days is the sum of the gains out of the sum of the findable. Days are ranked apart, so a score that only tells
    restless days from calm ones gains nothing by that.

    Rows with the same score are taken together: precision is read at the end of them, and where the budget ends among
    them, the part counts that lies within it. So the order of the rows doesn't matter.

    Returns:
        Gain of the version, gain of the opponent, findable.
    """
    size = budget * len(crash)
    return _gain(crash, score, size), _gain(crash, opponent_score, size), min(size, float(crash.sum()))


def _gain(crash: NDArray[np.bool_], score: NDArray[np.float64], size: float) -> float:
    _, group, rows = np.unique(-score, return_inverse=True, return_counts=True)
    crashes = np.bincount(group, weights=crash)
    taken = rows.cumsum()
    within = np.clip((size - (taken - rows)) / rows, 0, 1)
    return float((crashes.cumsum() / taken * crashes * within).sum())
