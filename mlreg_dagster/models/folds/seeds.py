"""Planting seeds that no gate plants with, where nobody names any."""

from collections.abc import Collection

FIRST_SEED = 7000
"""Where they begin; those of gates are passed over."""


def own_seeds(gates: Collection[int], count: int) -> tuple[int, ...]:
    """So many planting seeds that no gate uses."""
    taken = set(gates)
    return tuple(seed for seed in range(FIRST_SEED, FIRST_SEED + count + len(taken)) if seed not in taken)[:count]
