"""Evidence from serving: it grows where the candidate is worse, and seldom anywhere else, however often one looks."""

import numpy as np
import pytest

from mlreg_dagster.governance.rollout.operations import Period, above_rate, split_differs, worse_rate

LIMIT = 20


def periods(rng, minutes, weight, candidate_rate, champion_rate):
    for _ in range(minutes):
        candidate = int(rng.binomial(60, min(1, 3 * weight)))
        champion = 60
        yield Period(
            candidate,
            champion,
            int(rng.binomial(candidate, candidate_rate)),
            int(rng.binomial(champion, champion_rate)),
        )


def ever(evidence, steps):
    """Whether the evidence is enough at any look, one every fifth minute."""
    return any(evidence(steps[:end]) >= LIMIT for end in range(5, len(steps) + 1, 5))


@pytest.mark.parametrize("rate", [0.002, 0.05])
def test_equal_versions_are_seldom_called_worse_at_any_look(rate):
    rng = np.random.default_rng(5)
    alarms = sum(ever(worse_rate, list(periods(rng, 60, rng.choice([0.05, 0.25]), rate, rate))) for _ in range(200))
    assert alarms <= 20, "5 % of 200 are expected at most; 20 is beyond 99.9 % of chance"


def test_one_error_in_a_hundred_seconds_is_found_within_five_minutes_of_half_the_traffic():
    rng = np.random.default_rng(6)
    found = sum(ever(worse_rate, list(periods(rng, 30, 0.5, 0.05, 0.0))) for _ in range(50))
    assert found >= 49


def test_a_version_that_is_better_gives_no_evidence():
    assert worse_rate([Period(1000, 1000, 0, 100)]) < 1


def test_one_version_alone_gives_no_evidence():
    assert worse_rate([Period(100, 0, 50, 0), Period(0, 100, 0, 50)]) == 1


def test_shares_may_change_from_period_to_period():
    rng, alarms = np.random.default_rng(7), 0
    for _ in range(200):
        steps = [next(periods(rng, 1, weight, 0.02, 0.02)) for weight in (0.05, 0.25, 0.5) for _ in range(20)]
        alarms += ever(worse_rate, steps)
    assert alarms <= 20


def test_a_budget_holds_without_a_champion():
    rng = np.random.default_rng(8)
    alarms = sum(
        any(
            above_rate(int(bad), n + 1, 0.01) >= LIMIT
            for n, bad in list(enumerate((rng.random(600) < 0.01).cumsum()))[::10]
        )
        for _ in range(200)
    )
    assert alarms <= 20
    assert above_rate(30, 300, 0.01) >= LIMIT
    assert above_rate(0, 300, 0.01) < 1


def test_a_split_that_is_as_it_should_be_is_seldom_doubted_and_another_one_is():
    rng, alarms = np.random.default_rng(9), 0
    for _ in range(200):
        got = (rng.random(2000) < 0.05).cumsum()
        alarms += any(split_differs(int(got[n]), n + 1 - int(got[n]), 500) >= LIMIT for n in range(0, 2000, 20))
    assert alarms <= 20
    assert split_differs(100, 900, 500) >= 1000
    assert split_differs(0, 1_000_000, 500) >= 1000, "no overflow"
