"""Planting seeds that nobody names."""

from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.models.folds.seeds import FIRST_SEED, own_seeds


@given(st.lists(st.integers(6995, 7010), max_size=12, unique=True), st.integers(1, 6))
def test_no_seed_of_a_gate_is_ever_used(taken, count):
    found = own_seeds(taken, count)
    assert len(set(found)) == count
    assert min(found) >= FIRST_SEED
    assert not set(found) & set(taken)
