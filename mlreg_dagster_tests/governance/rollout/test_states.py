"""The plan of an A/B test is kept with the rollout that it opens, and gives its weight."""

import pytest

from mlreg_dagster.governance.rollout.states import ENDED, OPEN, ABTest, is_split, weight_in
from mlreg_dagster.registry import InvalidRecord

HALF = ABTest(weight=5_000, days=28)


def test_an_ab_test_is_read_back_from_the_facts_that_keep_it():
    assert ABTest.of({"base_rate": 0.01, **HALF.facts}) == HALF
    assert ABTest.of({"base_rate": 0.01}) is None


def test_its_weight_is_that_of_its_state_and_of_no_other():
    assert {state: weight_in(state, HALF) for state in ("staging", "ab", "canary_5", "finished")} == {
        "staging": 0,
        "ab": 5_000,
        "canary_5": 500,
        "finished": 0,
    }
    with pytest.raises(ValueError, match="no A/B test"):
        weight_in("ab")


@pytest.mark.parametrize(("weight", "days"), [(0, 28), (10_000, 28), (-5, 28), (5_000, 0)])
def test_a_test_that_compares_nothing_is_refused(weight, days):
    with pytest.raises(InvalidRecord, match="compares nothing"):
        ABTest(weight, days)


def test_both_versions_answer_in_the_canaries_and_in_a_test_alone():
    assert [state for state in (*OPEN, *ENDED) if is_split(state)] == ["canary_5", "canary_25", "canary_50", "ab"]
