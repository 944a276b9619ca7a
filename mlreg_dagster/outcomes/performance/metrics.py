"""Performance metrics from counts of outcomes.

Intervals are those of resampled blocks of time (`intervals`): instruments fall together, and the horizons of
overlapping hours share their crashes. One day is one block, so the performance of a day has no interval.
"""

from collections.abc import Sequence

import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.outcomes.names import RATES
from mlreg_dagster.outcomes.performance.intervals import intervals
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE

_EPOCH = pd.Timestamp("1970-01-01", tz="UTC")
_RATES = (*RATES, "lift")
_ENDS = [f"{rate}_{end}" for rate in _RATES for end in ("low", "high")]
MEASURED = ("hour", "instrument_id", "model_version", "in_sample", "is_anomaly", "outcome")
"""The columns of outcomes that the performance of a day is made of."""

_COUNTED_BY = ["model_version", "prediction_day", "instrument_id"]


def performance(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Measure each model version on each day.

    Args:
        outcomes: Rows of PREDICTION_OUTCOMES.

    Returns:
        MODEL_PERFORMANCE: one row per day of the outcome hours and model version, ordered by them. A rate
        without a denominator is null, and so are the ends of all intervals: a day is a single block.
    """
    days = outcomes.assign(day=outcomes["hour"].dt.normalize())
    by = ["day", "model_version"]
    return _measured(_counts(days, [*by, "instrument_id"]), by, None)[list(MODEL_PERFORMANCE.columns)]


def summary(outcomes: pd.DataFrame, settings: OutcomeSettings) -> pd.DataFrame:
    """Measure each model version over all rows given: as `performance`, without the day, with intervals.

    Args:
        outcomes: Rows of PREDICTION_OUTCOMES.
        settings: The confidence of the intervals and the number of resamples.
    """
    return summary_of_counts([count(outcomes)], settings)


def count(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Rows of each kind, by model version, day of the prediction (since 1970-01-01) and instrument."""
    days = (outcomes["prediction_hour"] - _EPOCH) // pd.Timedelta(days=1)
    return _counts(outcomes.assign(prediction_day=days), _COUNTED_BY)


def summary_of_counts(counts: Sequence[pd.DataFrame], settings: OutcomeSettings) -> pd.DataFrame:
    """The summary of rows that were counted piece by piece (`count`), so that not all need be in memory at once."""
    added = pd.concat(counts).groupby(level=_COUNTED_BY).sum()
    columns = [name for name in MODEL_PERFORMANCE.columns if name != "day"]
    return _measured(added, ["model_version"], settings)[columns]


def rates_in_use(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The rates of the champions of each day, and those of the challengers beside them.

    Args:
        outcomes: Rows of PREDICTION_OUTCOMES.

    Returns:
        By day: each rate, lift, flagged_share and unknown_share; the challengers' as `challenger_<rate>`. NaN where it
        is undefined.
    """
    counts = _counts(outcomes.assign(day=outcomes["hour"].dt.normalize()), ["day", "role"])
    rates = pd.DataFrame({rate: _ratio(counts[part], counts[whole]) for rate, (part, whole) in RATES.items()})
    rates["lift"] = _ratio(rates["precision"], rates["base_rate"])
    rates["flagged_share"] = _ratio(counts["flagged"], counts["resolved"])
    rates["unknown_share"] = _ratio(counts["unresolved"], counts["resolved"] + counts["unresolved"])
    champion, challenger = (
        rates[rates.index.get_level_values("role") == role].droplevel("role") for role in ("champion", "challenger")
    )
    return champion.join(challenger.add_prefix("challenger_"), how="outer")


def _measured(counts: pd.DataFrame, by: list[str], settings: OutcomeSettings | None) -> pd.DataFrame:
    """Counts, rates and intervals of each group of rows; in-sample rows are counted and go no further.

    Args:
        counts: Rows of each kind, indexed by `by`, the instrument and, for intervals, the day of the prediction.
        by: What makes a group.
        settings: The confidence of the intervals and the number of resamples; None: there are no intervals.
    """
    result = counts.groupby(level=by).sum()
    crashed = counts.loc[counts["crashes"] > 0].reset_index()
    instruments = crashed.groupby(by)["instrument_id"].nunique()
    result["n_instruments_crashed"] = instruments.reindex(result.index, fill_value=0).astype("int64")
    for rate, (part, whole) in RATES.items():
        result[rate] = _ratio(result[part], result[whole])
    result["lift"] = _ratio(result["precision"], result["base_rate"])
    ends = pd.DataFrame(index=result.index, columns=_ENDS, dtype="float64")
    if settings is not None:
        days = counts.groupby(level=[*by, "prediction_day"]).sum()
        for group, of_group in days.groupby(level=by):
            numbers = of_group.index.get_level_values("prediction_day").to_numpy()
            found = intervals({str(name): of_group[name].to_numpy() for name in of_group}, numbers, settings)
            ends.loc[group] = [end for rate in _RATES for end in found[rate]]
    return result.join(ends).reset_index()


def _counts(outcomes: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Rows of each kind, indexed by `by`."""
    known = ~outcomes["in_sample"]
    unresolved = outcomes["outcome"] == UNRESOLVED
    resolved = known & ~unresolved
    crash = resolved & (outcomes["outcome"] == CRASH)
    flagged = resolved & outcomes["is_anomaly"]
    kinds = {
        "predictions": known | ~known,
        "in_sample": ~known,
        "resolved": resolved,
        "unresolved": known & unresolved,
        "crashes": crash,
        "no_crashes": resolved & ~crash,
        "flagged": flagged,
        "true_positives": flagged & crash,
        "false_positives": flagged & ~crash,
        "false_negatives": crash & ~flagged,
        "true_negatives": resolved & ~crash & ~flagged,
    }
    marks = pd.DataFrame(kinds).astype("int64")
    return marks.groupby([outcomes[name] for name in by]).sum()


def _ratio(part: pd.Series, whole: pd.Series) -> pd.Series:
    """`part / whole`, null where there is no whole."""
    return part / whole.where(whole > 0)
