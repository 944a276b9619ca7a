"""Shares of families of features in a score, by grouped permutation Shapley values over any scoring function.

Each family takes the value of the row where it is in a coalition, and the background's where it is not. Its share is
the mean, over orders of the families, of what the score changes by when it joins (Castro, Gómez and Tejada, "Polynomial
calculation of the Shapley value based on sampling", Computers & Operations Research 2009). Each order is taken forward
and backward (Mitchell et al., "Sampling Permutations for Shapley Value Estimation", JMLR 2022): the errors of the two
cancel in part. Families are permuted as wholes, as in Owen's values: features that say the same are not played off
against each other.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

MOST_FAMILIES = 48
"""More would not fit into the 64 bits of a coalition's key, beside the row's number."""

_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Shares:
    """What the families add to the scores of rows.

    Attributes:
        background: Score of the background.
        values: rows x families: shares, which sum to the row's score minus the background's.
    """

    background: float
    values: Matrix


def shares(
    score: Callable[[Matrix], Matrix],
    rows: Matrix,
    scores: Matrix,
    background: Matrix,
    families: NDArray[np.intp],
    seeds: Sequence[str],
    pairs: int,
) -> Shares:
    """The share of each family in the score of each row.

    A row's shares depend on the row, the background and its seed alone: not on the rows beside it, as long as `score`
    gives a row the same score in any company.

    Args:
        score: Scores of rows x features.
        rows: rows x features; nulls are NaN.
        scores: Of these rows, by `score`.
        background: A value for each feature.
        families: The number of the family of each feature: 0, 1, ….
        seeds: A text for each row, from which its orders are drawn.
        pairs: How many orders, each of them forward and backward.

    Raises:
        ValueError: There are more than MOST_FAMILIES.
    """
    count = int(families.max()) + 1
    if count > MOST_FAMILIES:
        raise ValueError(f"{count} families are more than {MOST_FAMILIES}")
    (at_background,) = score(background[None, :])
    parts = [
        _shares(
            score,
            rows[start : start + _ROWS_AT_ONCE],
            background,
            families,
            orders_of(seeds[start : start + _ROWS_AT_ONCE], count, pairs),
            float(at_background),
            scores[start : start + _ROWS_AT_ONCE],
        )
        for start in range(0, len(rows), _ROWS_AT_ONCE)
    ]
    return Shares(float(at_background), np.concatenate([np.empty((0, count)), *parts]))


def orders_of(seeds: Sequence[str], families: int, pairs: int) -> NDArray[np.intp]:
    """Orders of the families for each seed, each followed by its reverse: seeds x (2 pairs) x families."""
    size = pairs * families * 8
    drawn = b"".join(hashlib.shake_256(seed.encode()).digest(size) for seed in seeds)
    keys = np.frombuffer(drawn, dtype="<u8").reshape(len(seeds), pairs, families)
    forward = keys.argsort(axis=2, kind="stable")
    return np.stack([forward, forward[:, :, ::-1]], axis=2).reshape(len(seeds), 2 * pairs, families)


def _shares(
    score: Callable[[Matrix], Matrix],
    rows: Matrix,
    background: Matrix,
    families: NDArray[np.intp],
    orders: NDArray[np.intp],
    at_background: float,
    scores: Matrix,
) -> Matrix:
    count, walks = orders.shape[2], orders.shape[1]
    joins = orders.argsort(axis=2, kind="stable")  # of each family, the step at which it joins
    differs = np.stack([_differ(rows[:, families == each], background[families == each]) for each in range(count)], 1)
    bits = np.where(differs, np.int64(1) << np.arange(count), 0)  # one that is as usual changes no coalition
    joined = np.take_along_axis(np.broadcast_to(bits[:, None, :], orders.shape), orders, axis=2).cumsum(axis=2)
    keys = joined[:, :, :-1] + (np.arange(len(rows), dtype=np.int64) << count)[:, None, None]
    asked, places = np.unique(keys, return_inverse=True)
    row, coalition = asked >> count, asked & ((1 << count) - 1)
    inside = (coalition[:, None] >> families) & 1 == 1
    within = score(np.where(inside, rows[row], background))[places].reshape(keys.shape)
    ends = np.broadcast_to(scores[:, None, None], (len(rows), walks, 1))
    steps = np.diff(np.concatenate([np.full(ends.shape, at_background), within, ends], axis=2), axis=2)
    gained = np.take_along_axis(steps, joins, axis=2)
    total = np.zeros((len(rows), count))
    for walk in range(walks):  # one after the other: the sum of a row rounds alike in any company
        total += gained[:, walk]
    return np.asarray(total / walks)


def _differ(values: Matrix, background: Matrix) -> NDArray[np.bool_]:
    """The rows that differ from the background; nulls are alike."""
    same = (values == background) | (np.isnan(values) & np.isnan(background))
    return np.asarray(~same.all(axis=1))
