"""Whether a candidate is worse than the champion on matured outcomes, by a method that may be looked at every day.

Every row is scored by both, so that the comparison is paired. The unit is a block of two days with all its instruments:
instruments fall together, and the horizons of neighbouring days overlap (docs/decisions/0023). How often the verdict is
wrong where nothing differs is measured by `benchmarks/rollout_null.py`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.outcomes.worth.blocks import summed

BLOCK_HOURS = 48
BURN_IN = 7
"""Blocks before which nothing is concluded: the sequence holds for many blocks only."""

_TUNED_FOR = 14  # blocks, about a month, at which the sequence is narrowest

Verdict = Literal["undecided", "not_worse", "worse"]


@dataclass(frozen=True)
class Weights:
    """What a wrong answer costs; fixed when a rollout is opened, so that later rows can't move them.

    The mean loss is 2 - (recall + 1 - false-alarm rate), which is linear in the rows: Youden, "Index for rating
    diagnostic tests", Cancer 3, 1950.

    Attributes:
        missed: Cost of a crash that was not flagged: 1 / base rate.
        false_alarm: Cost of a flag without a crash: 1 / (1 - base rate).
    """

    missed: float
    false_alarm: float

    @classmethod
    def of(cls, base_rate: float) -> "Weights":
        """The weights at a base rate of crashes.

        Raises:
            ValueError: It is not between 0 and 1.
        """
        if not 0 < base_rate < 1:
            raise ValueError(f"a base rate of {base_rate} gives no weights: it has to lie between 0 and 1")
        return cls(1 / base_rate, 1 / (1 - base_rate))


@dataclass(frozen=True)
class Comparison:
    """What the outcomes say at the end of a block.

    Attributes:
        verdict: `worse`: the whole interval lies above 0. `not_worse`: it lies below the margin.
        blocks: Complete blocks.
        pairs: Rows in them.
        difference: Mean loss of the candidate minus that of the champion; None without a block.
        low: Lower end of the confidence sequence; None before the burn-in.
        high: Its upper end.
        until: Where the last block ends, in whole hours since 1970; None without a block.
    """

    verdict: Verdict
    blocks: int
    pairs: int
    difference: float | None
    low: float | None
    high: float | None
    until: int | None = None


@dataclass(frozen=True)
class Rows:
    """Rows that both versions scored and whose outcomes are known: one element each.

    Attributes:
        hours: Of the prediction, whole hours since 1970.
        crashes: Whether a crash followed.
        candidate: Whether the candidate flagged the row.
        champion: Whether the champion did.
    """

    hours: NDArray[np.int64]
    crashes: NDArray[np.bool_]
    candidate: NDArray[np.bool_]
    champion: NDArray[np.bool_]

    def before(self, hour: int) -> "Rows":
        """The rows of predictions before an hour."""
        kept = self.hours < hour
        return Rows(self.hours[kept], self.crashes[kept], self.candidate[kept], self.champion[kept])


def compare(
    rows: Rows,
    *,
    opened: int,
    until: int,
    weights: Weights,
    margin: float,
    alpha: float = 0.05,
) -> Comparison:
    """Compare a candidate's flags with the champion's on the same rows.

    Args:
        rows: That both scored.
        opened: The hour from which rows count.
        until: All outcomes of predictions before this hour are due.
        weights: As fixed when the rollout was opened.
        margin: By how much the mean loss may be larger and still be `not_worse`.
        alpha: How often the interval may miss the truth, at any look.
    """
    found = over_time(rows, opened=opened, until=until, weights=weights, margin=margin, alpha=alpha)
    return found[-1] if found else Comparison("undecided", 0, 0, None, None, None)


def over_time(
    rows: Rows,
    *,
    opened: int,
    until: int,
    weights: Weights,
    margin: float,
    alpha: float = 0.05,
) -> list[Comparison]:
    """The result of `compare` at the end of each complete block that has rows.

    Args:
        rows: As for `compare`, as all others.
        opened: The hour from which rows count.
        until: All outcomes of predictions before this hour are due.
        weights: As fixed when the rollout was opened.
        margin: By how much the mean loss may be larger and still be `not_worse`.
        alpha: How often the interval may miss the truth, at any look.
    """
    block = (rows.hours - opened) // BLOCK_HOURS
    inside = (block >= 0) & (block < (until - opened) // BLOCK_HOURS)
    cost = np.where(rows.crashes, -weights.missed, weights.false_alarm)  # of a flag, against none
    gained = cost * (rows.candidate.astype(np.int8) - rows.champion.astype(np.int8))
    numbers, sums = summed(np.stack([np.ones(len(rows.hours)), gained], axis=1)[inside], block[inside])
    means = sums[:, 1] / sums[:, 0]
    found = []
    for t, (number, pairs, low, high) in enumerate(
        zip(numbers, sums[:, 0].cumsum(), *confidence_sequence(means, alpha), strict=True), 1
    ):
        mean, end = float(means[:t].mean()), opened + (int(number) + 1) * BLOCK_HOURS
        if t < BURN_IN:
            found.append(Comparison("undecided", t, int(pairs), mean, None, None, end))
            continue
        verdict: Verdict = "worse" if low > 0 else "not_worse" if high < margin else "undecided"
        found.append(Comparison(verdict, t, int(pairs), mean, float(low), float(high), end))
    return found


def confidence_sequence(means: NDArray[np.float64], alpha: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ends of an asymptotic confidence sequence for the mean, after each block.

    With probability 1 - alpha the true mean lies between them at every look, in the limit of many blocks: Waudby-Smith,
    Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", Ann.
    Statist. 52, 2024, arXiv 2103.06476, equation for the Gaussian mixture boundary (Robbins 1970).

    Args:
        means: Of each block, in the order of time.
        alpha: How often it may miss.

    Returns:
        Lower and upper end after each block; infinite after the first, whose spread is unknown.
    """
    t = np.arange(1, len(means) + 1)
    mean = means.cumsum() / t
    spread = np.sqrt(np.maximum(np.square(means).cumsum() / t - np.square(mean), 0) * t / np.maximum(t - 1, 1))
    rho = (
        2 * np.log(1 / alpha) + np.log(1 + 2 * np.log(1 / alpha))
    ) / _TUNED_FOR  # rho squared; their choice for that time
    reach = spread * np.sqrt(2 * (t * rho + 1) / (t**2 * rho) * np.log(np.sqrt(t * rho + 1) / alpha))
    reach[0:1] = np.inf
    return mean - reach, mean + reach
