"""Flag policies: which threshold an hour of scores gets, from these scores and those of the same version before it.

Where the earlier scores are stored is not known here, nor which version they are of. Times are whole hours since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config import FlaggingSettings

Hours = NDArray[np.int64]
Scores = NDArray[np.float64]

_SKETCH_POINTS = 201
_WHOLE = 1e-9  # a number of rows that is this near to a whole one is whole


@dataclass(frozen=True)
class StartUp:
    """What stands for the hours before a version's first one: the scores of its training rows.

    Attributes:
        quantiles: Of the training scores, evenly spaced from the lowest to the highest.
        rows_an_hour: Training rows by hours of the training window, closed ones included.
    """

    quantiles: Scores
    rows_an_hour: float

    def scores(self, rows: int) -> Scores:
        """As many scores as are missing, spread as the training scores are."""
        places = (np.arange(rows) + 0.5) / rows * (len(self.quantiles) - 1)
        return np.interp(places, np.arange(len(self.quantiles)), self.quantiles)


@dataclass(frozen=True)
class Past:
    """Scores of one version from before, those that it was not trained on.

    Attributes:
        hours: The hour of each, ascending.
        scores: The scores.
        flags: Whether each was flagged.
    """

    hours: Hours
    scores: Scores
    flags: NDArray[np.bool_]


NOTHING = Past(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0, dtype=bool))


def sketch(scores: Scores) -> list[float]:
    """The quantiles of training scores by which a manifest remembers them."""
    return [float(value) for value in np.quantile(scores, np.linspace(0, 1, _SKETCH_POINTS))]


def thresholds(
    settings: FlaggingSettings,
    hours: Hours,
    scores: Scores,
    *,
    frozen: float | None = None,
    start: StartUp | None = None,
    past: Past = NOTHING,
    recorded: Mapping[int, float] | None = None,
) -> Scores:
    """The threshold of each row: one an hour, from nothing that lies after that hour.

    `trailing_share` takes the (1 - budget) quantile of the version's scores of the trailing days, those of the hour
    included, and moves it to a score of the hour where the share flagged over these days would leave its bounds.

    Args:
        settings: The policy.
        hours: The hour of each row.
        scores: The score of each row.
        frozen: The threshold of the policy `frozen`.
        start: What stands for the hours before the first one of the version; None: nothing does.
        past: The version's scores from before these hours; older ones than the trailing days are ignored.
        recorded: Thresholds that hours were given before. They stay.

    Returns:
        A threshold for each row; a row is flagged where its score is above it.

    Raises:
        ValueError: The policy is `frozen` and there is no frozen threshold.
    """
    if settings.policy == "frozen":
        if frozen is None:
            raise ValueError("the policy frozen needs the threshold of a model")
        return np.full(len(scores), frozen)
    order = np.argsort(hours, kind="stable")
    own_hours = np.concatenate([past.hours, hours[order]])
    own_scores = np.concatenate([past.scores, scores[order]])
    flags = np.concatenate([past.flags, np.zeros(len(scores), dtype=bool)])
    recorded = recorded or {}
    result = np.empty(len(scores))
    for hour in np.unique(hours).tolist():
        first, here, end = np.searchsorted(own_hours, [hour - 24 * settings.days + 1, hour, hour + 1])
        if hour in recorded:
            threshold = recorded[hour]
        elif settings.policy == "top_k":
            threshold = _flagging_at_most(_top(settings, end - here), own_scores[here:end])
        else:
            leading = (own_hours[first] if first < here else hour) - (hour - 24 * settings.days + 1)
            missing = _missing_rows(start, 24 * settings.days, int(leading), int(end - first))
            pool = own_scores[first:end]
            if start is not None and missing:
                pool = np.concatenate([pool, start.scores(missing)])
            usual = float(np.quantile(pool, 1 - settings.budget, method="inverted_cdf"))
            flagged = float(np.count_nonzero(flags[first:here])) + settings.budget * missing
            threshold = _within_bounds(settings, usual, own_scores[here:end], flagged, len(pool))
        flags[here:end] = own_scores[here:end] > threshold
        result[order[here - len(past.hours) : end - len(past.hours)]] = threshold
    return result


def _top(settings: FlaggingSettings, rows: int) -> int:
    """How many rows of an hour are flagged by `top_k`."""
    return settings.k if settings.k is not None else ceil(settings.budget * rows - _WHOLE)


def _missing_rows(start: StartUp | None, window: int, leading: int, rows: int) -> int:
    """How many training scores stand in the window for the hours before the version's first one in it.

    Never more than bring the window to as many rows as one of the training had: a closed market misses none.
    """
    if start is None:
        return 0
    return max(0, round(min(leading * start.rows_an_hour, window * start.rows_an_hour - rows)))


def _within_bounds(settings: FlaggingSettings, usual: float, scores: Scores, flagged: float, rows: int) -> float:
    """The usual threshold, or the nearest that keeps the share of `rows` within its bounds.

    Args:
        settings: The bounds.
        usual: The threshold without them.
        scores: Of the hour.
        flagged: Rows flagged in the window before the hour.
        rows: Rows of the window, the hour included.

    Where no whole number of rows lies within the bounds, or ties leave none, the upper one holds.
    """
    here = int(np.count_nonzero(scores > usual))
    most = max(0, floor(settings.max_share * rows - flagged + _WHOLE))
    least = min(ceil(settings.min_share * rows - flagged - _WHOLE), len(scores))
    if here > most:
        return _flagging_at_most(most, scores)
    if here < least:
        lowered = _flagging_at_least(least, scores)
        return lowered if np.count_nonzero(scores > lowered) <= most else _flagging_at_most(most, scores)
    return usual


def _flagging_at_most(rows: int, scores: Scores) -> float:
    """The lowest threshold that flags at most so many of an hour's rows; of tied rows all or none are flagged."""
    if rows >= len(scores):
        return float(np.nextafter(scores.min(), -np.inf))
    return float(np.partition(scores, len(scores) - 1 - rows)[len(scores) - 1 - rows])


def _flagging_at_least(rows: int, scores: Scores) -> float:
    """The highest threshold of an hour's scores that flags so many rows of it, or more where they are tied."""
    last = np.partition(scores, len(scores) - rows)[len(scores) - rows]
    below = scores[scores < last]
    return float(below.max() if len(below) else np.nextafter(last, -np.inf))
