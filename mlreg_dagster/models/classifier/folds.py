"""Walk-forward folds: each part of the hours is judged by what was known before it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Hours = NDArray[np.int64]
Places = NDArray[np.intp]


def walk_forward(hours: Hours, folds: int, gap_hours: int) -> Iterator[tuple[Places, Places]]:
    """The rows that each fold trains on, and those that it is judged by.

    The hours are cut into one part more than there are folds, of equal length. A fold is judged by one part and trains
    on what lies before it by more than the gap: on rows whose labels were known by then (purging), and whose labels
    share no price with those of the part (embargo). López de Prado, "Advances in Financial Machine Learning", 2018,
    sections 7.4.1 and 7.4.2; later rows never train, unlike in his cross-validation.

    Args:
        hours: The hour of each row, in whole hours of any origin.
        folds: How many.
        gap_hours: The horizon of a label plus the embargo.

    Yields:
        The places of both kinds of rows; those to train on may be none.

    Raises:
        ValueError: There are fewer hours than parts, or less than one fold.
    """
    distinct = np.unique(hours)
    if folds < 1 or len(distinct) <= folds:
        raise ValueError(f"{folds} walk-forward folds can't be made of {len(distinct)} hours")
    for part in np.array_split(distinct, folds + 1)[1:]:
        judged = (hours >= part[0]) & (hours <= part[-1])
        yield np.flatnonzero(hours + gap_hours < part[0]), np.flatnonzero(judged)
