"""Checks that nodes form trees, before compiled code walks them. A server checks by it, so it needs no scikit-learn."""

import numpy as np
from numpy.typing import NDArray

LARGEST_DEPTH = 64
"""Turns of one path. A forest stops at the binary logarithm of its sample: 64 are enough for more rows than exist."""
MOST_NODES = 1 << 26

_Integers = NDArray[np.int64]


def require_trees(
    roots: _Integers, left: _Integers, right: _Integers, *, largest_depth: int | None = LARGEST_DEPTH
) -> None:
    """Check that nodes form trees: each hangs from one place, comes after its parent, and no path is too long.

    Args:
        roots: The first node of each tree.
        left: The left child of each node, -1 where the path ends.
        right: Likewise.
        largest_depth: Turns of the longest path; None where what walks the trees needs no stack.

    Raises:
        ValueError: They don't.
    """
    count = len(left)
    if count > MOST_NODES:
        raise ValueError(f"its trees have {count:,} nodes, more than {MOST_NODES:,}")
    places, children = np.arange(count), np.concatenate([left, right])
    later = (children == -1) | ((children > np.concatenate([places, places])) & (children < count))
    hanging = np.sort(np.concatenate([roots, children[children != -1]]))
    if right.shape != left.shape or not later.all() or not np.array_equal(hanging, places):
        raise ValueError("its trees lead nowhere, or a node hangs from two places")
    if largest_depth is None:
        return
    at = roots
    for _ in range(largest_depth + 1):
        at = np.concatenate([left[at], right[at]])
        at = at[at != -1]
        if not len(at):
            return
    raise ValueError(f"its trees are deeper than {largest_depth} turns")
