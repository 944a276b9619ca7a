"""Performance metrics from counts of outcomes.

Two kinds of interval, for two kinds of claim:

- Recall, precision, false-alarm rate and base rate carry Wilson score intervals (Wilson 1927). They take the
  rows as independent. Hourly predictions of one instrument are not: their horizons overlap, so that one crash
  is the outcome of many rows. These intervals are therefore too narrow for overlapping hours.
- Lift carries a percentile bootstrap over instruments. Each resample draws whole instruments with all their
  rows, so overlapping hours don't count as evidence of their own; instruments that fall together still do.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.outcomes.names import RATES
from mlreg_dagster.outcomes.performance.intervals import lift_interval, wilson_interval
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE

_LIFT_PARTS = ["true_positives", "flagged", "crashes", "resolved"]


def performance(outcomes: pd.DataFrame, settings: OutcomeSettings) -> pd.DataFrame:
    """Measure each model version on each day.

    Args:
        outcomes: Rows of PREDICTION_OUTCOMES.
        settings: The confidence of the intervals and the number of resamples.

    Returns:
        MODEL_PERFORMANCE: one row per day of the outcome hours and model version, ordered by them. A rate
        without a denominator is null, and so are the ends of an interval that can't be told.
    """
    days = outcomes.assign(day=outcomes["hour"].dt.normalize())
    by = ["day", "model_version"]
    return _measured(_counts(days, [*by, "instrument_id"]), by, settings)[list(MODEL_PERFORMANCE.columns)]


def summary(outcomes: pd.DataFrame, settings: OutcomeSettings) -> pd.DataFrame:
    """Measure each model version over all rows given: as `performance`, without the day."""
    return summary_of_counts([count(outcomes)], settings)


def count(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Rows of each kind, by model version and instrument."""
    return _counts(outcomes, ["model_version", "instrument_id"])


def summary_of_counts(counts: Sequence[pd.DataFrame], settings: OutcomeSettings) -> pd.DataFrame:
    """The summary of rows that were counted piece by piece (`count`), so that not all need be in memory at once."""
    added = pd.concat(counts).groupby(level=["model_version", "instrument_id"]).sum()
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


def _measured(counts: pd.DataFrame, by: list[str], settings: OutcomeSettings) -> pd.DataFrame:
    """Counts, rates and intervals of each group of rows; in-sample rows are counted and go no further.

    Args:
        counts: Rows of each kind, indexed by `by` and the instrument.
        by: What makes a group.
        settings: As for `performance`.
    """
    groups = counts.groupby(level=by)
    result = groups.sum()
    result["n_instruments_crashed"] = (counts["crashes"] > 0).groupby(level=by).sum().astype("int64")
    for rate, (part, whole) in RATES.items():
        result[rate] = _ratio(result[part], result[whole])
        result[f"{rate}_low"], result[f"{rate}_high"] = wilson_interval(
            result[part], result[whole], settings.confidence
        )
    result["lift"] = _ratio(result["precision"], result["base_rate"])
    intervals = [lift_interval(group[_LIFT_PARTS].to_numpy(), settings) for _, group in groups]
    result["lift_low"], result["lift_high"] = np.array(intervals, dtype=float).reshape(-1, 2).T
    return result.reset_index()


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
