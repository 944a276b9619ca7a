"""How early crashes were flagged: by episode, the hours from the first flag to the crossing, and the fall before it.

Whether flags are right at all is in `outcomes.performance`; whether a simple ranking is as good, in `verdict`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.hours import hours_since_epoch
from mlreg_dagster.market.episodes import GAP
from mlreg_dagster.market.names import CRASH
from mlreg_dagster.outcomes.worth.blocks import blocks_of, interval, ratio

FALL_PCT = -5.0
"""A price that stands this much or more below its 6-hour high had fallen before the flag."""


@dataclass(frozen=True)
class LeadTime:
    """How early a version flagged crash episodes.

    Attributes:
        episodes: Crashes of one instrument with less than 24 h between them, of hours that are not in-sample.
        caught: Those of which a prediction was flagged.
        timed: Of the caught those whose crossing is known; the hours are over these.
        median_hours: From the first flag of an episode to the first hour at which the price had fallen from there far
            enough for a crash; None: no episode tells.
        lower_quartile_hours: Three quarters of the episodes were flagged at least so early.
        upper_quartile_hours: One quarter was.
        median_low: Lower end of the confidence interval of the median; None: it can't be told.
        median_high: The upper end.
        with_known_fall: Of the caught those whose fall before the first flag is known; the share is of these.
        before_fall: Those first flagged when the price stood less than 5 % below its 6-hour high.
        before_fall_share: Their share; None: no episode tells.
        before_fall_low: Lower end of its confidence interval; None: it can't be told.
        before_fall_high: The upper end.
    """

    episodes: int
    caught: int
    timed: int
    median_hours: float | None
    lower_quartile_hours: float | None
    upper_quartile_hours: float | None
    median_low: float | None
    median_high: float | None
    with_known_fall: int
    before_fall: int
    before_fall_share: float | None
    before_fall_low: float | None
    before_fall_high: float | None


def lead_time_of(outcomes: pd.DataFrame, version: str, settings: OutcomeSettings) -> LeadTime:
    """Measure how early a version flagged the crash episodes of its outcomes.

    Args:
        outcomes: Rows of PREDICTION_OUTCOMES; those of other versions don't matter.
        version: The `model_version`.
        settings: The confidence of the intervals and the number of resamples. Resampled are whole weeks, or days (see
            `blocks`), by the first flag. The interval of the median is read off that of the share of episodes below it
            (Woodruff, "Confidence intervals for medians and other position measures", JASA 47, 1952).
    """
    of_version = (outcomes["model_version"] == version) & ~outcomes["in_sample"] & (outcomes["outcome"] == CRASH)
    crashes = outcomes[of_version].sort_values(["instrument_id", "prediction_hour"])
    begins = crashes["instrument_id"].ne(crashes["instrument_id"].shift()) | (crashes["prediction_hour"].diff() >= GAP)
    episode = begins.cumsum()
    flagged = crashes[crashes["is_anomaly"]]
    first = flagged[~episode[flagged.index].duplicated()]
    days = hours_since_epoch(first["prediction_hour"]) // 24

    seconds = (first["crossed_at"] - first["prediction_hour"]).dt.total_seconds()
    waited = np.asarray(seconds, dtype=np.float64) / 3600
    timed = ~np.isnan(waited)
    hours: NDArray[np.float64] = waited[timed]
    lower, median, upper = (float(np.quantile(hours, share)) if len(hours) else None for share in (0.25, 0.5, 0.75))
    fall = first["fall_6h_pct"].to_numpy(dtype=float)
    known = ~np.isnan(fall)
    early = fall[known] > FALL_PCT
    low, high = _interval(early, days[known], settings)
    return LeadTime(
        episodes=int(begins.sum()),
        caught=len(first),
        timed=int(timed.sum()),
        median_hours=median,
        lower_quartile_hours=lower,
        upper_quartile_hours=upper,
        **_median_interval(hours, days[timed], median, settings),
        with_known_fall=int(known.sum()),
        before_fall=int(early.sum()),
        before_fall_share=float(early.mean()) if known.any() else None,
        before_fall_low=low,
        before_fall_high=high,
    )


def _median_interval(
    hours: NDArray[np.float64], days: NDArray[np.int64], median: float | None, settings: OutcomeSettings
) -> dict[str, float | None]:
    low, high = (None, None) if median is None else _interval(hours <= median, days, settings)
    if low is None or high is None:
        return {"median_low": None, "median_high": None}
    reach = (high - low) / 2
    ends = np.quantile(hours, np.clip([0.5 - reach, 0.5 + reach], 0, 1))
    return {"median_low": float(ends[0]), "median_high": float(ends[1])}


def _interval(
    marks: NDArray[np.bool_], days: NDArray[np.int64], settings: OutcomeSettings
) -> tuple[float | None, float | None]:
    """Of the share that is marked; None where it can't be told."""
    counts, _ = blocks_of(np.stack([marks, np.ones(len(marks))], axis=1), days)
    ends = interval(counts, ratio, settings.confidence, settings.bootstrap_samples)
    low, high = (None if np.isnan(end) else float(np.clip(end, 0, 1)) for end in ends)
    return low, high
