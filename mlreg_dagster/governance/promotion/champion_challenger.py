"""Champion and challenger on the outcomes of their predictions: the same hours of the same instruments.

A challenger is scored in the champion's shadow every hour, so that by the time it may be promoted its outcomes have
matured. Crashes are rare: error rate alone rewards never flagging, and recall alone rewards always flagging. What can't
be gained by flagging more or less is recall minus false-alarm rate (Youden, "Index for rating diagnostic tests", 1950):
that decides. Intervals resample weeks, as instruments fall together and the hours of one crash are one event; they are
for a single look, and say so. What may be looked at every day is in `sequential_comparison`; what is held to the same
flag budget, in `outcomes.worth`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.core.hours import hours_since_epoch
from mlreg_dagster.models.evaluation.statistics import Difference, Verdict
from mlreg_dagster.outcomes.worth.blocks import (
    MIN_WEEKS,
    Counts,
    Measure,
    Unit,
    blocks_of,
    difference_of_ratios,
    interval,
    ratio,
)
from mlreg_dagster.outcomes.worth.pairs import paired


@dataclass(frozen=True)
class Challenge:
    """The challenger, held against the champion; every difference is challenger minus champion.

    Attributes:
        challenger: Its version.
        champion: The other one.
        pairs: Predictions of both of the same hour and instrument, resolved and in-sample for neither.
        instruments: Of how many instruments.
        crashes: Pairs that a crash followed.
        first: Hour of the first pair; None without pairs.
        last: Hour of the last pair.
        informedness: Recall minus false-alarm rate.
        recall: Of the crashes, the share flagged.
        precision: Of the flagged, the share that crashed.
        error_rate: Of all pairs, the share with a wrong label; positive when the challenger errs less.
        verdict: That of the informedness, where neither recall nor precision says the opposite.
    """

    challenger: str
    champion: str
    pairs: int
    instruments: int
    crashes: int
    first: pd.Timestamp | None
    last: pd.Timestamp | None
    informedness: Difference
    recall: Difference
    precision: Difference
    error_rate: Difference
    verdict: Verdict


def challenge(outcomes: pd.DataFrame, challenger: str, champion: str, settings: ComparisonSettings) -> Challenge:
    """Compare two versions on the outcomes that both have.

    Args:
        outcomes: Rows of PREDICTION_OUTCOMES; those of other versions don't matter.
        challenger: The version that wants to be promoted.
        champion: The version that it is held against.
        settings: Confidence, resamples, fewest pairs.

    Raises:
        InvalidRows: One of them has predicted the same twice, or the two have different outcomes for the same.
    """
    pairs = paired(outcomes, challenger, champion)
    days = hours_since_epoch(pairs["prediction_hour"]) // 24
    crash, own, other = (pairs[name].to_numpy(dtype=float) for name in ("crash", "flag", "opponent_flag"))
    hits, other_hits = own * crash, other * crash
    more_hits, more_alarms = hits - other_hits, (own - hits) - (other - other_hits)

    def difference(measure: Measure, *marks: NDArray[np.float64]) -> Difference:
        blocks, unit = blocks_of(np.stack(marks, axis=1), days)
        return _difference(blocks, unit, measure, settings)

    informedness = difference(difference_of_ratios, more_hits, crash, more_alarms, 1 - crash)
    recall = difference(ratio, more_hits, crash)
    precision = difference(difference_of_ratios, hits, own, other_hits, other)
    return Challenge(
        challenger=challenger,
        champion=champion,
        pairs=len(pairs),
        instruments=pairs["instrument_id"].nunique(),
        crashes=int(crash.sum()),
        first=None if pairs.empty else pairs["prediction_hour"].min(),
        last=None if pairs.empty else pairs["prediction_hour"].max(),
        informedness=informedness,
        recall=recall,
        precision=precision,
        error_rate=difference(ratio, more_hits - more_alarms, np.ones(len(pairs))),
        verdict=_verdict(informedness, (recall, precision), len(pairs), settings),
    )


def _difference(blocks: Counts, unit: Unit, measure: Measure, settings: ComparisonSettings) -> Difference:
    """Challenger minus champion, from counts by block of time; by days, no verdict is reached."""
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(measure(blocks.sum(axis=0, keepdims=True))[0][0])
    low, high = interval(blocks, measure, settings.confidence, settings.bootstrap_samples)
    units = f"{len(blocks)} {unit}"
    verdict: Verdict = "not distinguishable"
    if np.isnan(value):
        return Difference(verdict, None, None, None, len(blocks), f"undefined on the pairs of {units}.")
    if np.isnan(low):
        return Difference(
            verdict, value, None, None, len(blocks), f"difference {value:+.4f}, without spread in {units}."
        )
    ends = f"{settings.confidence:.0%} interval {low:+.4f} to {high:+.4f} for a single look"
    reason = f"difference {value:+.4f}, {ends}, of {units}."
    if unit != "weeks":
        reason = f"too few samples: {units}, asked are {MIN_WEEKS} weeks; {reason}"
    elif low > 0 or high < 0:
        verdict = "better" if low > 0 else "worse"
    return Difference(verdict, value, low, high, len(blocks), reason)


def _verdict(
    deciding: Difference, objecting: tuple[Difference, ...], pairs: int, settings: ComparisonSettings
) -> Verdict:
    opposite = {"better": "worse", "worse": "better"}.get(deciding.verdict)
    if pairs < settings.min_pairs or any(each.verdict == opposite for each in objecting):
        return "not distinguishable"
    return deciding.verdict
