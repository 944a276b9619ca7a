"""A compiled walk through trees of any origin: the lengths of the paths of rows, summed over the trees.

A row walks down a tree from one unpredictable turn to the next, each waiting for the memory of the one before. Here
it walks down several trees at once, so that its waits overlap, and without branches. Thresholds and rows are compared
as the 32-bit floats that scikit-learn takes rows for, written as integers of the same order, and the two children of a
node lie side by side: a node fits into 8 bytes. Everything is unsigned, for Numba asks of each signed index whether it
counts from the end.

It needs no scikit-learn: a forest of scikit-learn is brought into this form in `forest_walk`, one of an ONNX graph in
`serving.scoring.forests`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.core.compilation import compiled

LANES = 8
NEVER_EXCEEDED = np.uint64(0xFFFFFFFF)
"""The threshold of a leaf: every row stays in it."""


class Forest(NamedTuple):
    """The nodes of all trees, one tree after the other; empty trees make them a multiple of the lanes.

    Attributes:
        nodes: Of each: 32 bits of threshold as an ordered integer, then its left child, then its feature. The right
            child follows the left one; a leaf is its own left child.
        feature_bits: How many bits of a node are its feature.
        lengths: For each node, the length of the path of a row that ends there.
        roots: The first node of each tree.
        depths: The most turns of any of the trees of each group of lanes.
        usual_length: Of the path of a row that is like any other, summed over the trees.
    """

    nodes: NDArray[np.uint64]
    feature_bits: np.uint64
    lengths: NDArray[np.float64]
    roots: NDArray[np.uint64]
    depths: NDArray[np.uint64]
    usual_length: float


def total_lengths(forest: Forest, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lengths of the paths of rows, summed over the trees one after the other; alike in any company.

    Args:
        forest: Sound trees.
        points: rows x features, without nulls.
    """
    rows, lengths = ordered(points.astype(np.float32)), np.zeros(len(points))
    _walk(forest.nodes, forest.feature_bits, forest.lengths, forest.roots, forest.depths, rows, lengths)
    return lengths


def is_too_large(nodes: int, feature_bits: int) -> bool:
    """Whether so many nodes, those of empty trees included, can't be numbered."""
    return nodes << feature_bits > 1 << 32


def packed(thresholds: NDArray[np.uint64], left_children: NDArray[np.uint64], feature_bits: int) -> NDArray[np.uint64]:
    """Nodes without their features: thresholds as ordered integers, and the place of each left child."""
    return thresholds << np.uint64(32) | left_children << np.uint64(feature_bits)


def not_above(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest 32-bit floats that are not above: of 32-bit rows they let the same ones pass."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def ordered(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Integers in the order of the floats; both zeros are one."""
    bits = (values + np.float32(0.0)).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


@compiled
def _walk(
    nodes: NDArray[np.uint64],
    feature_bits: np.uint64,
    path_lengths: NDArray[np.float64],
    roots: NDArray[np.uint64],
    depths: NDArray[np.uint64],
    rows: NDArray[np.uint32],
    total: NDArray[np.float64],
) -> None:
    feature_mask = (np.uint64(1) << feature_bits) - np.uint64(1)
    at = np.empty(LANES, dtype=np.uint64)
    for group in range(np.uint64(len(depths))):
        for row in range(np.uint64(len(rows))):
            for lane in range(LANES):
                at[lane] = roots[group * np.uint64(LANES) + np.uint64(lane)]
            for _ in range(depths[group]):
                for lane in range(LANES):
                    node = nodes[at[lane]]
                    right = np.uint64(rows[row, node & feature_mask]) > node >> np.uint64(32)
                    at[lane] = ((node & np.uint64(0xFFFFFFFF)) >> feature_bits) + np.uint64(right)
            for lane in range(LANES):
                total[row] += path_lengths[at[lane]]
