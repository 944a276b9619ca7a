"""Confidence intervals of rates and of lift; `metrics` says what each of them claims."""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from mlreg_dagster.config import OutcomeSettings

_BOOTSTRAP_SEED = 1927


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


def lift_interval(counts: npt.NDArray[np.int64], settings: OutcomeSettings) -> tuple[float, float]:
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
