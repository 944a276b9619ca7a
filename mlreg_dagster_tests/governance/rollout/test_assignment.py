"""Keys are spread evenly, stay where they are, and are taken back by no growing weight."""

from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, chisquare

from mlreg_dagster.governance.rollout.assignment import bucket, gets_candidate
from mlreg_dagster.governance.rollout.states import WEIGHTS

KEYS = [f"coin-{number}" for number in range(20_000)]


def test_shares_are_those_of_the_weights():
    for state in ("canary_5", "canary_25", "canary_50"):
        weight = WEIGHTS[state]
        low, high = binom.interval(0.999, len(KEYS), weight / 10_000)
        assert low <= sum(gets_candidate("v7 salt", key, weight) for key in KEYS) <= high


def test_buckets_are_even():
    counts = [0] * 100
    for key in KEYS:
        counts[bucket("salt", key) // 100] += 1
    assert chisquare(counts).pvalue > 0.001


@given(st.text(), st.text(), st.lists(st.integers(0, 10_000), min_size=2, max_size=2).map(sorted))
def test_a_key_that_has_the_candidate_keeps_it_while_the_weight_grows(salt, key, weights):
    smaller, larger = weights
    assert gets_candidate(salt, key, larger) or not gets_candidate(salt, key, smaller)
    assert not gets_candidate(salt, key, 0)
    assert gets_candidate(salt, key, 10_000)


def test_another_salt_cuts_the_keys_in_another_way():
    one, other = ({key for key in KEYS if gets_candidate(salt, key, 500)} for salt in ("a", "b"))
    assert len(one & other) < 0.1 * len(one)
