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
from mlreg_dagster.models.evaluation.rounds import PlantedRound, found_by_kind
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
    "percentiles of a bootstrap that draws instruments, and days with their planting seeds (Owen 2007), widened by "
    "what other training seeds change (Zou and Donner 2008)"
)

_SEED = 2007


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
    """The average precision of left held against that of right, by a paired bootstrap.

    Each resample draws instruments, with all their rows in all rounds: those that carry anomalies and those that
    they have to stand out from. Beside them it draws holdout days and, in each, planting seeds: two crossed factors
    (Owen, "The Pigeonhole Bootstrap", 2007), whose interval is a little wide rather than narrow. One day, or one seed,
    can't be drawn otherwise. Rounds of a kind are averaged, and kinds count alike, as in the point estimate.

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
    weights = _weights_of_rounds(rounds, settings.bootstrap_samples)

    def mean_of_kinds(scores: RoundScores, draws: Draws) -> NDArray[np.float64]:
        by_kind: dict[str, list[tuple[NDArray[np.float64], NDArray[np.float64]]]] = {}
        for planted, rows, values, weight in zip(rounds, instruments, scores, weights, strict=True):
            found = weighted_average_precision(values, planted.planted, rows, draws)
            by_kind.setdefault(planted.kind, []).append((found, weight))
        return np.asarray(np.mean([_weighted_mean(each) for each in by_kind.values()], axis=0))

    def difference(draws: Draws) -> NDArray[np.float64]:
        return np.asarray(contrast(mean_of_kinds(left, draws), mean_of_kinds(right, draws)), dtype=np.float64)

    return widened(paired_bootstrap(len(names), len(carrying), difference, settings), chances, settings)


def spread_of(
    rounds: Sequence[PlantedRound], left: RoundScores, right: RoundScores, contrast: Contrast = np.subtract
) -> Spread:
    """The same difference for each planting seed and each holdout day alone."""

    def by(name: str) -> dict[str, float]:
        keys = [str(getattr(planted, name)) for planted in rounds]
        values = {}
        for key in dict.fromkeys(keys):
            chosen = [place for place, each in enumerate(keys) if each == key]
            ours, theirs = (
                _average_precision([rounds[i] for i in chosen], [side[i] for i in chosen]) for side in (left, right)
            )
            values[key] = float(contrast(ours, theirs))
        return {key: value for key, value in values.items() if np.isfinite(value)}

    return Spread(by("seed"), by("day"))


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
    return float(np.mean(list(found_by_kind(rounds, scores).values())))


def _weights_of_rounds(rounds: Sequence[PlantedRound], resamples: int) -> list[NDArray[np.float64]]:
    """How often each round was drawn into each resample; the first is the sample itself."""
    rng = np.random.default_rng(_SEED)
    seeds_of: dict[str, list[int]] = {}
    for planted in rounds:
        seeds = seeds_of.setdefault(planted.day, [])
        if planted.seed not in seeds:
            seeds.append(planted.seed)
    days = rng.multinomial(len(seeds_of), np.full(len(seeds_of), 1 / len(seeds_of)), size=resamples)
    drawn: dict[tuple[str, int], NDArray[np.float64]] = {}
    for (day, seeds), times in zip(seeds_of.items(), days.T, strict=True):
        counts = rng.multinomial(times * len(seeds), np.full(len(seeds), 1 / len(seeds)))
        for seed, count in zip(seeds, counts.T, strict=True):
            drawn[day, seed] = np.append(1.0, count)
    return [drawn[planted.day, planted.seed] for planted in rounds]


def _weighted_mean(rounds: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """The mean over rounds, by their weights, of those in which a resample has anomalies; NaN where it has none."""
    values, weights = (np.array(each) for each in zip(*rounds, strict=True))
    weights = np.where(np.isnan(values), 0.0, weights)
    with np.errstate(invalid="ignore"):
        return np.asarray((np.nan_to_num(values) * weights).sum(axis=0) / weights.sum(axis=0))


def recorded_chance(metrics: Mapping[str, Any]) -> Chance | None:
    """What chance in training does to the average precision, by the record of an evaluation; None: not measured."""
    training = (metrics.get("planted") or {}).get("training") or {}
    if training.get("standard_deviation") is None:
        return None
    return Chance(float(training["standard_deviation"]), len(training["average_precision"]) - 1)
