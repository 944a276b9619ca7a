"""The arithmetic of the features on a dense hour x instrument grid, compiled.

A window of W hours that ends within a block of W clock hours is the end of the block before and the beginning of
this one (van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and octagonal kernels",
1992; the same for sums). Blocks are cut by the clock, so whichever range is computed, the sums of an hour are made
of the same hours in the same order: an hour alone and the same hour within a year agree to the last bit.
"""

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.core.compilation import compiled

Grid = NDArray[np.float64]
"""Hours down, instruments across; NaN = not observed."""

_EXACT = 2.0**53
"""From here on 1 + x is x."""

TILE = 256
"""Instruments at a time: what a window remembers of them stays in the processor's own memory."""


@compiled
def signed_log(values: Grid, out: Grid) -> None:
    """sign(x) ln(1 + |x|): tames both tails and keeps zero and the sign.

    The logarithm of the rounded sum, less what the rounding added (as in the GNU Scientific Library's `gsl_log1p`): as
    exact as `log1p` to one unit in the last place, in half its time.
    """
    for row in range(values.shape[0]):
        for i in range(values.shape[1]):
            size = abs(values[row, i])
            total = 1.0 + size
            added = ((total - 1.0) - size) / total if size < _EXACT else 0.0
            out[row, i] = np.copysign(np.log(total) - added, values[row, i])


@compiled
def rolling(values: Grid, first_hour: int, window: int, min_share: float, mean: Grid, std: Grid) -> None:
    """Mean and sample deviation over the clock hours (h - window, h], null where too few were observed.

    Sums are taken of distances from a value of the window itself, so that nothing cancels that matters: the
    relative error of a deviation is of the order of `window` roundings, and a constant has none.

    Args:
        values: hours x instruments; its last rows are those of `mean` and `std`.
        first_hour: The clock hour of the first row, counted from any fixed hour.
        window: Hours.
        min_share: Observed share of a window, below which it is null.
        mean: Filled; hours x instruments.
        std: Filled, in the same shape.
    """
    hours, instruments = values.shape
    skipped = hours - mean.shape[0]
    ending = np.empty((window + 1, 4, TILE))  # of the block before, from each position to its end
    begun, after = np.empty((4, TILE)), np.empty((4, TILE))  # of this block, up to now; two, for speed: see `_add`
    least = 1.0
    while least < window and least / window < min_share:
        least += 1.0
    for left in range(0, instruments, TILE):
        width = min(TILE, instruments - left)
        ending[:] = 0.0
        begun[:] = 0.0
        for row in range(hours):
            position = (first_hour + row) % window
            if position == 0:
                _sum_backwards(values, row - window, left, width, ending)
                begun[:] = 0.0
            _add(values[row, left : left + width], begun, after)
            begun, after = after, begun
            if row >= skipped:
                target = row - skipped
                into = mean[target, left : left + width], std[target, left : left + width]
                _finish(ending[position + 1], begun, least, *into)


@compiled
def _sum_backwards(values: Grid, start: int, left: int, width: int, ending: Grid) -> None:
    window = ending.shape[0] - 1
    ending[window] = 0.0
    for position in range(window - 1, -1, -1):
        if start + position >= 0:
            _add(values[start + position, left : left + width], ending[position + 1], ending[position])
        else:
            ending[position] = ending[position + 1]


@compiled
def _add(row: NDArray[np.float64], before: Grid, after: Grid) -> None:
    """Take a row into (count, the first value, sum and sum of squares of the distances from it).

    Into other memory than it comes from: only then do compilers make one instruction of several instruments.
    """
    for i in range(row.size):
        value = row[i]
        known = value == value
        count = before[0, i]
        origin = value if known and count == 0.0 else before[1, i]
        distance = value - origin if known else 0.0
        after[0, i] = count + 1.0 if known else count
        after[1, i] = origin
        after[2, i] = before[2, i] + distance
        after[3, i] = before[3, i] + distance * distance


@compiled
def _finish(older: Grid, newer: Grid, least: float, mean: NDArray[np.float64], std: NDArray[np.float64]) -> None:
    for i in range(mean.size):
        before, now = older[0, i], newer[0, i]
        count = before + now
        origin = older[1, i] if before > 0.0 else newer[1, i]
        moved = newer[1, i] - origin if now > 0.0 else 0.0
        total = older[2, i] + (newer[2, i] + now * moved)
        squares = older[3, i] + (newer[3, i] + moved * (2.0 * newer[2, i] + now * moved))
        offset = total / max(count, 1.0)
        variance = max(squares - total * offset, 0.0) / max(count - 1.0, 1.0)
        enough = count >= least
        mean[i] = origin + offset if enough else np.nan
        std[i] = np.sqrt(variance) if enough and count > 1.0 else np.nan


@compiled
def hours_since_previous(observed: Grid, most: int, is_gap: Grid, since: Grid) -> None:
    """Hours since the previous observation, null beyond `most`; and 1 where there was none in the hour before.

    Args:
        observed: hours x instruments; its last rows are those of the results.
        most: How far back it is looked for, hours.
        is_gap: Filled; hours x instruments.
        since: Filled, in the same shape.
    """
    skipped = observed.shape[0] - since.shape[0]
    newest = np.full(observed.shape[1], -most - 1)
    for row in range(observed.shape[0]):
        for i in range(observed.shape[1]):
            if row >= skipped:
                passed = row - newest[i]
                since[row - skipped, i] = passed if passed <= most else np.nan
                is_gap[row - skipped, i] = 0.0 if passed == 1 else 1.0
            if not np.isnan(observed[row, i]):
                newest[i] = row
