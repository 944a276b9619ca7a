"""Statistics of paired comparisons: a difference, its interval, a verdict.

Rows of one instrument are not independent of each other: what moves it moves its features for hours. Whole
instruments are, more or less, so they are what the bootstrap draws (a cluster bootstrap: Davison and Hinkley,
"Bootstrap Methods and their Application", 1997, section 3.8), the same ones for both sides.

Everywhere the difference is left minus right, and positive when the left one is better.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mlreg_dagster.config.sections.evaluation import ComparisonSettings

Verdict = Literal["better", "worse", "not distinguishable"]
Draws = NDArray[np.float64]
"""How often each instrument (columns) was drawn into each resample (rows); the first row is the sample itself."""

_SEED = 1993


@dataclass(frozen=True)
class Difference:
    """The left one of two, held against the right one.

    Attributes:
        verdict: Of the left one.
        difference: Left minus right, as measured; None where it is undefined.
        low: Lower end of its confidence interval; None where it can't be told.
        high: The upper end.
        samples: How many independent units there are: instruments, or blocks of time.
        reason: Why that is the verdict.
    """

    verdict: Verdict
    difference: float | None
    low: float | None
    high: float | None
    samples: int
    reason: str


@dataclass(frozen=True)
class Chance:
    """What chance in training does to a figure: how far it moves with the seed alone.

    Attributes:
        standard_deviation: Of the figure over fits with different seeds, the frozen model among them.
        degrees: Of freedom: how many fits, less one.
    """

    standard_deviation: float
    degrees: int

    def times(self, factor: float) -> "Chance":
        """The same of a multiple of the figure."""
        return Chance(self.standard_deviation * abs(factor), self.degrees)


def paired_bootstrap(
    instruments: int, informative: int, difference: Callable[[Draws], NDArray[np.float64]], settings: ComparisonSettings
) -> Difference:
    """Percentile interval of a difference over resampled instruments (Efron and Tibshirani 1993, chapter 13).

    Both sides are measured on the same resample, so what makes an instrument hard for both cancels. Percentiles are
    too narrow where instruments are few; they are expanded as by Hesterberg, "What Teachers Should Know About the
    Bootstrap", 2015, section 4.3: as Student's t and the variance's divisor would have them.

    Args:
        instruments: How many there are.
        informative: How many of them contribute to the difference; held against `min_instruments`.
        difference: Of each resample; NaN where it is undefined.
        settings: Confidence, number of resamples, fewest instruments.
    """
    if not instruments:
        return Difference("not distinguishable", None, None, None, 0, "too few samples: there is no instrument.")
    even = np.full(instruments, 1 / instruments)
    resamples = np.random.default_rng(_SEED).multinomial(instruments, even, size=settings.bootstrap_samples)
    draws = np.vstack([np.ones(instruments), resamples])
    with threadpool_limits(limits=1):  # the products are small: threads would only wait for each other
        measured, *others = difference(draws).tolist()
    found = None if np.isnan(measured) else measured
    defined = np.array(others)[~np.isnan(others)]
    if informative < settings.min_instruments:
        few = f"too few samples: {informative} instruments tell something, asked are {settings.min_instruments}."
        return Difference("not distinguishable", found, None, None, informative, few)
    if found is None or len(defined) < settings.confidence * len(others):
        undefined = f"too few samples: undefined in {len(others) - len(defined)} of {len(others)} resamples."
        return Difference("not distinguishable", found, None, None, informative, undefined)
    tail = _expanded_tail(settings.confidence, informative)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return _told_apart(found, float(low), float(high), informative, f"{informative} instruments", settings)


def widened(
    found: Difference, chances: Sequence[Chance], settings: ComparisonSettings, clusters: Sequence[float] = ()
) -> Difference:
    """A difference whose interval also covers what its clusters disagree about, and what other training seeds change.

    The deviations over training seeds add up (Satterthwaite 1946), and their reach adds to that of the interval as
    independent ones do (Zou and Donner, "Construction of Confidence Limits about Effect Measures", 2008): two models of
    the same settings differ by chance alone, however well that difference is measured.

    Args:
        found: Of the frozen models, with the interval of a bootstrap.
        chances: Of left, of right, or of both.
        settings: Confidence.
        clusters: The difference in each cluster; where there are two, Student's interval is taken where it is wider.
    """
    if found.difference is None or found.low is None or found.high is None:
        return found
    over_clusters = 0.0
    if len(clusters) > 1:
        over_clusters = _reach(float(np.std(clusters, ddof=1) / len(clusters) ** 0.5), len(clusters) - 1, settings)
    below, above = (max(abs(end - found.difference), over_clusters) for end in (found.low, found.high))
    variances = [each.standard_deviation**2 for each in chances]
    by_chance = 0.0
    if sum(variances) > 0:
        degrees = sum(variances) ** 2 / sum(v**2 / each.degrees for v, each in zip(variances, chances, strict=True))
        by_chance = _reach(sum(variances) ** 0.5, degrees, settings)
    low = found.difference - float(np.hypot(below, by_chance))
    high = found.difference + float(np.hypot(above, by_chance))
    units = f"{found.samples} instruments"
    if len(clusters) > 1:
        units += f", {len(clusters)} plantings"
    if chances:
        units += f" and {sum(each.degrees for each in chances)} fits under other training seeds"
    return _told_apart(found.difference, low, high, found.samples, units, settings)


def _reach(standard_error: float, degrees: float, settings: ComparisonSettings) -> float:
    """Half of Student's interval."""
    from scipy.stats import t

    return float(t.ppf((1 + settings.confidence) / 2, degrees)) * standard_error


def weighted_average_precision(
    scores: NDArray[np.float64], planted: NDArray[np.bool_], instruments: NDArray[np.intp], draws: Draws
) -> NDArray[np.float64]:
    """Average precision of each resample; NaN where no planted row was drawn.

    Counted once how many rows of each instrument score at least as high as each planted row, every resample is a
    product of its draws with the counts: no resample is sorted again.

    Args:
        scores: Of each row; higher = more anomalous.
        planted: Per row: what is to be found; at least one.
        instruments: Per row: the column of its instrument in `draws`.
        draws: How often each instrument counts.
    """
    thresholds = np.unique(scores[planted])
    reached = np.searchsorted(thresholds, scores, side="right")  # how many of them the row's score reaches

    def drawn(rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Rows at or above each threshold, from the highest on, in each resample."""
        shape = (draws.shape[1], len(thresholds) + 1)
        cells = np.ravel_multi_index((instruments[rows], reached[rows]), shape)
        counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        return np.asarray(draws @ counts[:, :0:-1].cumsum(axis=1).astype(np.float64))

    found, taken = drawn(planted), drawn(np.ones(len(scores), dtype=bool))
    gained = np.diff(found, prepend=0.0)
    with np.errstate(invalid="ignore"):
        return np.asarray((gained * found / np.maximum(taken, 1)).sum(axis=1) / found[:, -1])


def _expanded_tail(confidence: float, units: int) -> float:
    """The share of resamples that lies beyond each end of the interval."""
    from scipy.stats import t

    return NormalDist().cdf(-float(t.ppf((1 + confidence) / 2, units - 1)) * (units / (units - 1)) ** 0.5)


def _told_apart(
    found: float, low: float, high: float, samples: int, units: str, settings: ComparisonSettings
) -> Difference:
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "not distinguishable"
    reason = f"difference {found:+.4f}, {settings.confidence:.0%} interval {low:+.4f} to {high:+.4f}, of {units}."
    return Difference(verdict, found, low, high, samples, reason)
