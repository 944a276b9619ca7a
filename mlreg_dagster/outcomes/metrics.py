"""Performance metrics from counts of outcomes.

Two kinds of interval, for two kinds of claim:

- Recall, precision, false-alarm rate and base rate carry Wilson score intervals (Wilson 1927). They take the
  rows as independent. Hourly predictions of one instrument are not: their horizons overlap, so that one crash
  is the outcome of many rows. These intervals are therefore too narrow for overlapping hours.
- Lift carries a percentile bootstrap over instruments. Each resample draws whole instruments with all their
  rows, so overlapping hours don't count as evidence of their own; instruments that fall together still do.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.outcomes.schema import CRASH, MODEL_PERFORMANCE, UNRESOLVED

RATES = {
    "recall": ("true_positives", "crashes"),
    "precision": ("true_positives", "flagged"),
    "false_alarm_rate": ("false_positives", "no_crashes"),
    "base_rate": ("crashes", "resolved"),
}
"""Each rate as a count out of another."""

_LIFT_PARTS = ["true_positives", "flagged", "crashes", "resolved"]
_BOOTSTRAP_SEED = 1927


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


def wilson_interval(
    successes: npt.ArrayLike, trials: npt.ArrayLike, confidence: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Ends of the Wilson score interval of each share `successes / trials`; NaN without trials."""
    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = k / n
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low = np.where(k == 0, 0.0, centre - half)  # exact, where rounding would leave ±1e-17
    high = np.where(k == n, 1.0, centre + half)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


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
    intervals = [_lift_interval(group[_LIFT_PARTS].to_numpy(), settings) for _, group in groups]
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


def _lift_interval(counts: npt.NDArray[np.int64], settings: OutcomeSettings) -> tuple[float, float]:
    """Percentile interval of the lift over resampled instruments.

    Instruments with the same counts are interchangeable, so a resample is drawn as how often each distinct
    row of counts occurs in it: the same distribution, whatever the order and with less memory.

    Args:
        counts: One row per instrument: true positives, flagged, crashes, resolved.
        settings: The confidence and the number of resamples.

    Returns:
        Low and high end. NaN for fewer than two instruments; where more resamples are undefined (no crash or
        no flag in them) than the interval leaves out anyway; and where all are equal, which shows no spread.
    """
    counts = counts[counts[:, 3] > 0]
    if len(counts) < 2:
        return np.nan, np.nan
    distinct, times = np.unique(counts, axis=0, return_counts=True)
    draws = np.random.default_rng(_BOOTSTRAP_SEED).multinomial(
        len(counts), times / len(counts), size=settings.bootstrap_samples
    )
    true_positives, flagged, crashes, resolved = (draws @ distinct).T
    defined = (flagged > 0) & (crashes > 0)
    if defined.mean() < settings.confidence:
        return np.nan, np.nan
    lifts = (true_positives * resolved)[defined] / (flagged * crashes)[defined]
    if lifts.min() == lifts.max():
        return np.nan, np.nan
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(lifts, [tail, 1 - tail])
    return float(low), float(high)
