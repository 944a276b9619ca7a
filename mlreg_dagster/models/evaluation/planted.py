"""What planted anomalies say of a model, or of two: a difference, its interval, and its spread over seeds and days.

Planting is in `injection`, the bootstrap in `statistics`, what is asked of the result in `models/gates`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.models.evaluation.rounds import PlantedRound, found_by_kind, mean_over_kinds
from mlreg_dagster.models.evaluation.statistics import (
    Chance,
    Difference,
    Draws,
    paired_bootstrap,
    weighted_average_precision,
    widened,
)

RoundScores = Sequence[NDArray[np.float64]]
Contrast = Callable[[Any, Any], Any]
"""What two average precisions make: their difference, or that relative to the second."""

METHOD = (
    "the wider one of a bootstrap over instruments and Student's interval over seeds x days, with what other training "
    "seeds change (Zou and Donner 2008)"
)


@dataclass(frozen=True)
class Spread:
    """How a planted result varies.

    Attributes:
        seeds: The value for each planting seed, over all days.
        days: The value for each holdout day, over all seeds.
    """

    seeds: dict[str, float]
    days: dict[str, float]


def relative(left: Any, right: Any) -> Any:
    """How much larger left is than right, as a share of right; NaN where right is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(right) > 0, np.divide(np.subtract(left, right), right), np.nan)


def precision_difference(
    rounds: Sequence[PlantedRound],
    left: RoundScores,
    right: RoundScores,
    settings: ComparisonSettings,
    *,
    contrast: Contrast = np.subtract,
    chances: Sequence[Chance] = (),
) -> Difference:
    """The average precision of left held against that of right, on the same rows.

    The interval is the wider one, at each end, of two: a paired bootstrap over instruments, with all their rows in all
    rounds, those that carry anomalies and those that they have to stand out from; and Student's interval over the
    clusters of seed and day, for what instruments do not show: days and seeds that disagree. Drawing both in one
    bootstrap (Owen, "The Pigeonhole Bootstrap", 2007) counts what is of one instrument in one round three times. Rounds
    of a kind are averaged, and kinds count alike, as in the point estimate.

    Args:
        rounds: The planted anomalies.
        left: Scores of the rows of each round.
        right: The same of the other model.
        settings: Confidence, resamples, fewest instruments.
        contrast: What the two average precisions make.
        chances: What chance in training adds, of left and of right.
    """
    if not rounds:
        return paired_bootstrap(0, 0, lambda draws: draws[:, 0], settings)
    codes, names = pd.factorize(pd.concat([planted.rows["instrument_id"] for planted in rounds], ignore_index=True))
    instruments = np.split(codes, np.cumsum([len(planted.rows) for planted in rounds])[:-1])
    carrying = {code for each, planted in zip(instruments, rounds, strict=True) for code in each[planted.planted]}

    def mean_of_kinds(scores: RoundScores, draws: Draws) -> NDArray[np.float64]:
        by_kind: dict[str, list[NDArray[np.float64]]] = {}
        for planted, rows, values in zip(rounds, instruments, scores, strict=True):
            found = weighted_average_precision(values, planted.planted, rows, draws)
            by_kind.setdefault(planted.kind, []).append(found)
        return np.asarray(np.mean([_mean_of_defined(np.array(each)) for each in by_kind.values()], axis=0))

    def difference(draws: Draws) -> NDArray[np.float64]:
        return np.asarray(contrast(mean_of_kinds(left, draws), mean_of_kinds(right, draws)), dtype=np.float64)

    found = paired_bootstrap(len(names), len(carrying), difference, settings)
    clusters = _by(rounds, left, right, contrast, lambda planted: f"{planted.day} {planted.seed}")
    return widened(found, chances, settings, clusters=list(clusters.values()))


def spread_of(
    rounds: Sequence[PlantedRound], left: RoundScores, right: RoundScores, contrast: Contrast = np.subtract
) -> Spread:
    """The same difference for each planting seed and each holdout day alone."""
    return Spread(
        _by(rounds, left, right, contrast, lambda planted: str(planted.seed)),
        _by(rounds, left, right, contrast, lambda planted: planted.day),
    )


def _by(
    rounds: Sequence[PlantedRound],
    left: RoundScores,
    right: RoundScores,
    contrast: Contrast,
    key_of: Callable[[PlantedRound], str],
) -> dict[str, float]:
    """The contrast on the rounds of each key alone, where it is defined."""
    keys, values = [key_of(planted) for planted in rounds], {}
    for key in dict.fromkeys(keys):
        chosen = [place for place, each in enumerate(keys) if each == key]
        sides = [_average_precision([rounds[i] for i in chosen], [side[i] for i in chosen]) for side in (left, right)]
        values[key] = float(contrast(*sides))
    return {key: value for key, value in values.items() if np.isfinite(value)}


def result_of(
    rounds: Sequence[PlantedRound],
    left: RoundScores,
    right: RoundScores,
    settings: ComparisonSettings,
    chance: Chance | None,
    contrast: Contrast = np.subtract,
) -> dict[str, Any]:
    """A difference from the baseline with its interval and its spread, as an evaluation keeps it.

    Args:
        rounds: The planted anomalies.
        left: Scores of the model.
        right: Scores of the baseline.
        settings: Of the interval.
        chance: What chance in training adds, in units of the difference; None: it was not measured.
        contrast: What the two average precisions make.
    """
    chances = [] if chance is None else [chance]
    found = precision_difference(rounds, left, right, settings, contrast=contrast, chances=chances)
    spread = spread_of(rounds, left, right, contrast)
    return {
        "value": found.difference,
        "low": found.low,
        "high": found.high,
        "seeds": spread.seeds,
        "days": spread.days,
        "reason": found.reason,
    }


def _average_precision(rounds: Sequence[PlantedRound], scores: RoundScores) -> float:
    return mean_over_kinds(found_by_kind(rounds, scores))


def _mean_of_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the rounds (rows) in which a resample (column) has anomalies; NaN where it has none in any."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, values, 0.0).sum(axis=0) / defined.sum(axis=0))


def recorded_chance(metrics: Mapping[str, Any]) -> Chance | None:
    """What chance in training does to the average precision, by the record of an evaluation; None: not measured."""
    training = (metrics.get("planted") or {}).get("training") or {}
    if training.get("standard_deviation") is None:
        return None
    return Chance(float(training["standard_deviation"]), len(training["average_precision"]) - 1)
