"""Precision at a budget: ties share its end, and one row is flagged at least."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.models.folds.precision import precision_at_budget


def test_precision_counts_the_highest_scores_alone():
    scores, crashed = np.array([9.0, 8.0, 7.0, 1.0]), np.array([True, False, True, True])
    assert precision_at_budget(scores, crashed, 0.5) == 0.5
    assert precision_at_budget(scores, crashed, 0.75) == pytest.approx(2 / 3)


def test_a_budget_that_is_no_whole_number_of_rows_is_rounded():
    scores, crashed = np.array([5.0, 4.0, 3.0, 2.0, 1.0]), np.array([True, False, False, False, False])
    assert precision_at_budget(scores, crashed, 0.25) == 1.0  # 1.25 rows
    assert precision_at_budget(scores, crashed, 0.35) == 0.5  # 1.75 rows


@pytest.mark.parametrize("budget", [0, 1e-9, 0.1])
def test_a_budget_of_no_row_is_one_of_one_row(budget):
    crashed = np.array([False, True, False, False])
    assert precision_at_budget(np.array([1.0, 4.0, 2.0, 3.0]), crashed, budget) == 1.0
    assert precision_at_budget(np.array([4.0, 4.0, 2.0, 3.0]), crashed, budget) == 0.5  # two share the row


def test_equal_scores_at_the_end_of_the_budget_share_it_whatever_their_order():
    crashed = np.array([True, False, False, False, False])
    for order in permutations(range(5)):
        places = list(order)
        found = precision_at_budget(np.array([1.0, 1.0, 1.0, 1.0, 5.0])[places], crashed[places], 0.4)
        assert found == pytest.approx(0.125)


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.floats(0, 1))
def test_scores_that_say_nothing_find_the_share_of_all_and_the_truth_finds_all_it_may(crashed, budget):
    truth = np.array(crashed)
    assert precision_at_budget(np.zeros(len(truth)), truth, budget) == pytest.approx(truth.mean())
    wanted = max(1, round(budget * len(truth)))
    assert precision_at_budget(truth.astype(float), truth, budget) == pytest.approx(min(truth.sum() / wanted, 1))
