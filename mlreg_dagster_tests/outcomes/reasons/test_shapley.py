import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.outcomes.reasons.shapley import MOST_FAMILIES, orders_of, shares

FAMILIES = np.array([0, 0, 1, 2, 2, 3, 4])


def shares_of(score, rows, *how):
    return shares(score, rows, score(rows), *how)


def tangled(rows):
    """A score without structure: every feature works with every other one, and nulls count as 0.3."""
    rows = np.where(np.isnan(rows), 0.3, rows)
    return np.cos(rows @ np.arange(1.0, 8.0)) + np.tanh(rows).prod(axis=1) + np.abs(rows).max(axis=1)


@given(
    st.lists(st.lists(st.floats(-1e3, 1e3) | st.just(float("nan")), min_size=7, max_size=7), min_size=1, max_size=6),
    st.lists(st.floats(-10, 10), min_size=7, max_size=7),
    st.integers(1, 4),
)
def test_shares_sum_to_what_the_score_lies_above_the_background(rows, background, pairs):
    seeds = [str(number) for number in range(len(rows))]
    found = shares_of(tangled, np.array(rows), np.array(background), FAMILIES, seeds, pairs)
    scores = tangled(np.array(rows))
    size = np.maximum(1.0, np.maximum(np.abs(scores), abs(found.background)))
    assert (np.abs(found.values.sum(axis=1) - (scores - found.background)) <= 1e-12 * size).all()


def test_where_families_only_add_up_each_has_what_it_adds():
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(5, 7)), rng.normal(size=7)
    found = shares_of(lambda matrix: matrix @ weights, rows, np.zeros(7), FAMILIES, list("abcde"), 1)
    parts = rows * weights
    expected = np.column_stack([parts[:, each == FAMILIES].sum(axis=1) for each in range(5)])
    np.testing.assert_allclose(found.values, expected, atol=1e-12)


def test_two_that_only_work_together_share_alike():
    score = lambda matrix: matrix[:, 0] * matrix[:, 1]  # noqa: E731
    found = shares_of(score, np.array([[3.0, 4.0]]), np.zeros(2), np.array([0, 1]), ["x"], 1)
    np.testing.assert_array_equal(found.values, [[6.0, 6.0]])


def test_a_family_that_is_as_usual_has_no_share_at_all():
    rows = np.array([[1.0, 2.0, 0.0, 5.0, float("nan"), 7.0, 1.0]])
    background = np.array([0.0, 0.0, 0.0, 5.0, float("nan"), 0.0, 0.0])
    found = shares_of(tangled, rows, background, FAMILIES, ["x"], 3)
    assert found.values[0, 1] == found.values[0, 2] == 0.0
    assert (found.values[0, [0, 3, 4]] != 0).all()


@given(st.integers(0, 8), st.randoms(use_true_random=False))
def test_a_row_has_the_same_shares_in_any_company(place, shuffled):
    """Among more rows than are walked at once, too."""
    rng = np.random.default_rng(1)
    rows, seeds = rng.normal(size=(700, 7)), [f"row {number}" for number in range(700)]
    order = list(range(700))
    shuffled.shuffle(order)
    whole = shares_of(tangled_by_row, rows[order], np.zeros(7), FAMILIES, [seeds[each] for each in order], 2)
    alone = shares_of(tangled_by_row, rows[place : place + 1], np.zeros(7), FAMILIES, [seeds[place]], 2)
    np.testing.assert_array_equal(whole.values[order.index(place)], alone.values[0])


def tangled_by_row(rows):
    """Without a matrix product, which rounds differently for another number of rows."""
    return np.cos((rows * np.arange(1.0, 8.0)).cumsum(axis=1)[:, -1]) + np.abs(rows).max(axis=1)


def test_orders_are_those_of_the_seed_and_go_there_and_back():
    orders = orders_of(["a", "b", "a"], families=6, pairs=4)
    assert orders.shape == (3, 8, 6)
    np.testing.assert_array_equal(orders[0], orders[2])
    assert (orders[0] != orders[1]).any()
    np.testing.assert_array_equal(orders[:, 1::2], orders[:, ::2, ::-1])
    assert (np.sort(orders, axis=2) == np.arange(6)).all()


def test_every_order_is_as_likely_as_any_other():
    first = orders_of([str(number) for number in range(6000)], families=6, pairs=1)[:, 0]
    places = np.array([(first == family).mean(axis=0) for family in range(6)])
    assert np.abs(places - 1 / 6).max() < 0.02


def test_no_rows_have_no_shares():
    found = shares_of(tangled, np.empty((0, 7)), np.zeros(7), FAMILIES, [], 2)
    assert found.values.shape == (0, 5)


def test_more_families_than_fit_are_refused():
    count = MOST_FAMILIES + 1
    with pytest.raises(ValueError, match=f"{count} families are more than"):
        shares_of(lambda rows: rows.sum(axis=1), np.ones((1, count)), np.zeros(count), np.arange(count), ["x"], 1)
