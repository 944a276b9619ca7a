"""How stable the order of families is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.models.selection.permuting import Drops, rank_correlation, top_shares
from mlreg_dagster.models.selection.selecting import (
    STABLE_SHARE,
)


def drops_of(by_unit):
    return Drops(np.empty((0, 0)), np.array([]), np.empty((0, 0)), np.array(by_unit))


@given(st.data())
def test_families_that_are_always_first_are_always_among_the_first(data):
    refits, folds, count = (data.draw(st.integers(1, 4)) for _ in range(3))
    others = {f"g{number}": drops_of(data.draw(_units(refits, folds, st.floats(-1, 0.5)))) for number in range(count)}
    first = drops_of(np.full((refits, folds), 0.9))
    shares = top_shares({"first": first, **others}, 1)
    assert shares["first"] == 1.0
    assert all(share == 0.0 for name, share in shares.items() if name != "first")
    assert all(share == 1.0 for share in top_shares({"first": first, **others}, count + 1).values())
    assert 0 < STABLE_SHARE < 1


def _units(refits, folds, values):
    return st.lists(st.lists(values, min_size=folds, max_size=folds), min_size=refits, max_size=refits)


def test_refits_that_agree_correlate_fully_and_those_that_contradict_do_not():
    same = {"a": drops_of([[0.3], [0.4]]), "b": drops_of([[0.2], [0.1]]), "c": drops_of([[0.0], [0.0]])}
    turned = {"a": drops_of([[0.3], [0.0]]), "b": drops_of([[0.2], [0.1]]), "c": drops_of([[0.0], [0.4]])}
    assert rank_correlation(same) == pytest.approx(1)
    assert rank_correlation(turned) == pytest.approx(-1)
    assert rank_correlation({"a": drops_of([[0.0], [0.0]]), "b": drops_of([[0.0], [0.0]])}) is None
