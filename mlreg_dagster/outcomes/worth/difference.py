"""The paired difference between a version and one opponent: measured on the same rows, resampled by the same blocks."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from mlreg_dagster.config import WorthSettings
from mlreg_dagster.outcomes.worth.blocks import Counts, blocks_of, difference_of_ratios, interval, standard_error
from mlreg_dagster.outcomes.worth.counts import day_numbers

_POWER = 0.8
MEASURES = {
    "precision": ("hits", "held", "opponent_hits", "opponent_held"),
    "recall": ("hits", "crashes", "opponent_hits", "crashes"),
    "average_precision": ("gain", "findable", "opponent_gain", "findable"),
}
"""Each measure as two out of two of the counts of `counts.COLUMNS`; precision and recall at the same flag budget."""


@dataclass(frozen=True)
class PairedDifference:
    """One measure of a version, held against that of an opponent on the same rows.

    Attributes:
        value: Of the version; None where it is undefined.
        opponent: Of the opponent.
        difference: The first minus the second; positive: the version is ahead.
        low: Lower end of the confidence interval of the difference by resampled blocks, for a single look; None where
            it can't be told.
        high: The upper end.
        detectable: The least difference that as many blocks like these show at a single look in 80 of 100 cases.
        blocks: How many blocks there are.
        unit: `weeks` or `days`.
    """

    value: float | None
    opponent: float | None
    difference: float | None
    low: float | None
    high: float | None
    detectable: float | None
    blocks: int
    unit: str


def paired_difference(counts: pd.DataFrame, measure: str, settings: WorthSettings) -> PairedDifference:
    """Measure the difference over days that were counted.

    Args:
        counts: Rows of `counts_by_day`.
        measure: One of MEASURES.
        settings: Confidence and number of resamples.
    """
    blocks, unit = blocks_of(counts[list(MEASURES[measure])].to_numpy(dtype=float), day_numbers(counts.index))
    part, whole, other_part, other_whole = blocks.sum(axis=0)
    value, opponent = _ratio(part, whole), _ratio(other_part, other_whole)
    low, high = interval(blocks, difference_of_ratios, settings.confidence, settings.resamples)
    return PairedDifference(
        value=value,
        opponent=opponent,
        difference=None if value is None or opponent is None else value - opponent,
        low=_known(low),
        high=_known(high),
        detectable=_known(_detectable(blocks, low, high)),
        blocks=len(blocks),
        unit=unit,
    )


def _detectable(blocks: Counts, low: float, high: float) -> float:
    """Half the interval, which a difference must exceed to be told from none, and what chance takes in 20 of 100."""
    return (high - low) / 2 + NormalDist().inv_cdf(_POWER) * standard_error(blocks, difference_of_ratios)


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
