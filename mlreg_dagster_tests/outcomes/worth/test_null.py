"""A few simulated markets, so that benchmarks/worth_null.py and what it promises can't rot."""

import pytest

from mlreg_dagster_tests.outcomes.worth.null_markets import Kind, looks, shares

WEEKS, INSTRUMENTS = 17, 12


def verdicts(kind, markets):
    return shares(looks(kind, WEEKS, INSTRUMENTS, seed) for seed in range(markets))


@pytest.mark.parametrize("kind", [Kind("nothing to foresee"), Kind("all follow volatility", follows=True)])
def test_where_nothing_is_to_be_found_hardly_any_market_is_ever_called_better_or_worse(kind):
    """Three of eight would come about once in 170 times if one in twenty were called so."""
    _, ever = verdicts(kind, 8)
    assert ever["better"] < 3
    assert ever["worse"] < 3
    assert ever["unknown"] == 8


def test_a_version_that_foresees_most_crashes_is_found_and_never_called_worse():
    at_end, ever = verdicts(Kind("foreseen", strength=4.0, share=0.9), 4)
    assert at_end["better"] >= 3
    assert ever["worse"] == 0
