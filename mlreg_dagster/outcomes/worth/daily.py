"""The worth of versions day by day: what a day adds is counted once and stored; the verdict is asked of stored days.

Reading the tables is left to the asset.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.names import RANKING
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth.counts import COLUMNS, counts_by_day, monday_before
from mlreg_dagster.outcomes.worth.difference import MEASURES
from mlreg_dagster.outcomes.worth.schema import MODEL_WORTH
from mlreg_dagster.outcomes.worth.verdict import Comparison, Worth, crashes_of, worth_of_counts

_DAY = pd.Timedelta(days=1)

NO_CRASHES = PREDICTION_OUTCOMES.empty()[["prediction_hour", "instrument_id"]]

ROWS = (
    "hour",
    "prediction_hour",
    "instrument_id",
    "model_version",
    "role",
    "score",
    "is_anomaly",
    "in_sample",
    "outcome",
)
"""What is read of the outcomes."""


def prediction_day(day: pd.Timestamp, horizon_hours: int) -> pd.Timestamp:
    """The newest day of predictions whose outcomes are all due at the end of `day`."""
    return (day + _DAY - horizon_hours * HOUR).floor("D") - _DAY


def first_outcome_hour(day: pd.Timestamp, horizon_hours: int) -> pd.Timestamp:
    """From which outcome hour on rows are read to count `day`."""
    return monday_before(prediction_day(day, horizon_hours)) + horizon_hours * HOUR


def count_days(outcomes: pd.DataFrame, days: pd.DatetimeIndex, settings: OutcomeSettings) -> pd.DataFrame:
    """Count what each day adds, of every version and opponent.

    Args:
        outcomes: Rows of PREDICTION_OUTCOMES from `first_outcome_hour` of the first day to the end of the last one.
        days: Consecutive days, at whose ends is counted.
        settings: The horizon, and the flag budget of `worth`.

    Returns:
        The key and the counts of MODEL_WORTH; versions that flagged nothing on a day have a row all the same.
    """
    horizon = settings.horizon_hours
    since, until = prediction_day(days[0], horizon), prediction_day(days[-1], horizon) + _DAY
    counted = [
        counts_by_day(rows, version, opponent, settings.worth.budget, since, until)
        .reset_index(names="prediction_day")
        .assign(model_version=version, opponent=opponent)
        for version, opponent, rows in _contests(outcomes)
    ]
    if not counted:
        return MODEL_WORTH.empty()[["day", "prediction_day", "model_version", "opponent", *COLUMNS]]
    table = pd.concat(counted, ignore_index=True)
    offset = days[0] - since
    return table.assign(day=table["prediction_day"] + offset)


def _contests(outcomes: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Every version against every ranking; the champions as one against them; and the others against the champions."""
    is_ranking = outcomes["role"] == RANKING
    rankings = sorted(outcomes.loc[is_ranking, "model_version"].unique())
    versions, is_champion = outcomes[~is_ranking], outcomes["role"] == CHAMPION
    champions = outcomes[is_champion].assign(model_version=CHAMPION)
    named = pd.concat([outcomes, champions], ignore_index=True)
    for version in [*sorted(versions["model_version"].unique()), *([CHAMPION] if len(champions) else [])]:
        for ranking in rankings:
            yield version, ranking, named
    shadows = pd.concat([outcomes[~is_champion], champions], ignore_index=True)
    for version in sorted(versions.loc[versions["role"] != CHAMPION, "model_version"].unique()):
        yield version, CHAMPION, shadows


def asks_for_verdict(day: pd.Timestamp, horizon_hours: int) -> bool:
    """Whether a week of predictions is complete at the end of `day`, which is when a verdict can change."""
    return prediction_day(day, horizon_hours).day_of_week == 6


def worth_as_of(
    counted: pd.DataFrame, crashes: pd.DataFrame, version: str, day: pd.Timestamp, settings: OutcomeSettings
) -> Worth:
    """The verdict on a version from stored counts.

    Args:
        counted: Rows of MODEL_WORTH; those of other versions, and of later days, do not matter.
        crashes: prediction_hour and instrument_id of the crashes among the outcomes of the version.
        version: The version, or `champion`.
        day: At whose end it is asked.
        settings: The horizon, and what a verdict needs.
    """
    until = prediction_day(day, settings.horizon_hours) + _DAY
    rows = counted[(counted["model_version"] == version) & (counted["prediction_day"] < until)]
    counts = {
        str(opponent): days.set_index("prediction_day")[list(COLUMNS)].sort_index()
        for opponent, days in rows.groupby("opponent")
    }
    return worth_of_counts(version, counts, crashes[crashes["prediction_hour"] < until], until, settings.worth)


def rows_with_verdicts(
    counted: pd.DataFrame,
    earlier: pd.DataFrame,
    crashes: Mapping[str, pd.DataFrame],
    asked: Iterable[pd.Timestamp],
    settings: OutcomeSettings,
) -> pd.DataFrame:
    """The rows of MODEL_WORTH of days that were counted.

    Args:
        counted: What `count_days` returns.
        earlier: Rows of MODEL_WORTH of the days before.
        crashes: Of each version the crashes among its outcomes; one that has none is left out.
        asked: The days at whose ends a verdict is asked.
        settings: As for `worth_as_of`.
    """
    history = pd.concat([earlier[list(counted.columns)], counted], ignore_index=True) if len(earlier) else counted
    verdicts = [
        {"day": day, "model_version": version, "opponent": each.opponent, **_flat(worth, each)}
        for day in asked
        for version in counted.loc[counted["day"] == day, "model_version"].unique()
        for worth in [worth_as_of(history, crashes.get(version, NO_CRASHES), version, day, settings)]
        for each in worth.comparisons
    ]
    key = list(MODEL_WORTH.key)
    found = pd.DataFrame(verdicts, columns=None if verdicts else key)
    rows = counted.merge(found, on=key, how="left") if verdicts else counted
    rows = rows.reindex(columns=list(MODEL_WORTH.columns))
    rows["is_best"] = rows["is_best"].eq(True)
    return rows.astype(MODEL_WORTH.empty().dtypes.to_dict()).sort_values(key, ignore_index=True)


def crashes_by_version(outcomes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The crashes of each version among rows of PREDICTION_OUTCOMES, and those of the champions."""
    champions = outcomes[outcomes["role"] == CHAMPION].assign(model_version=CHAMPION)
    named = pd.concat([outcomes, champions], ignore_index=True)
    return {str(version): crashes_of(rows, str(version)) for version, rows in named.groupby("model_version")}


def _flat(worth: Worth, found: Comparison) -> dict[str, Any]:
    """A comparison as values of a row; the verdict against all rankings with it."""
    values: dict[str, Any] = {
        "verdict": found.verdict,
        "reason": found.evidence.missing,
        "weeks": found.weeks,
        "blocks": found.precision.blocks,
        "episodes": found.episodes,
        "independent_episodes": found.independent_episodes,
        "surely_above": found.surely_above,
        "surely_below": found.surely_below,
        "detectable": found.detectable,
        "is_best": worth.best is not None and found.opponent == worth.best.opponent,
        "worth": worth.verdict,
        "sentence": worth.sentence,
    }
    for name in MEASURES:
        each = getattr(found, name)
        values |= {
            name: each.value,
            f"opponent_{name}": each.opponent,
            f"{name}_difference": each.difference,
            f"{name}_difference_low": each.low,
            f"{name}_difference_high": each.high,
        }
    return values
