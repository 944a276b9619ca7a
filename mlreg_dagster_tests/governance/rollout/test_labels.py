"""The verdict on matured outcomes: paired, by blocks of two days, and right however often one looks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.governance.rollout.labels import (
    BLOCK_HOURS,
    BURN_IN,
    Rows,
    Weights,
    compare,
    confidence_sequence,
    over_time,
)

WEIGHTS = Weights.of(0.1)


def compared(candidate, champion, crashes, hours, days=28, margin=0.1):
    both = Rows(hours, crashes, candidate, champion)
    return compare(both, opened=0, until=24 * days, weights=WEIGHTS, margin=margin, alpha=0.05)


def rows(seed, recall, days=28, instruments=30):
    rng = np.random.default_rng(seed)
    hours = np.arange(days * 24).repeat(instruments)
    crashes = rng.random(len(hours)) < 0.1
    champion, candidate = (rng.random(len(hours)) < np.where(crashes, chance, 0.05) for chance in (0.5, recall))
    return candidate, champion, crashes, hours


def test_a_candidate_that_misses_more_is_worse_and_one_that_misses_as_much_is_not():
    assert compared(*rows(1, recall=0.2)).verdict == "worse"
    same = compared(*rows(1, recall=0.5))
    assert same.verdict == "not_worse"
    assert same.low < 0 < same.high < 0.1


def test_nothing_is_concluded_before_there_are_enough_blocks():
    found = compared(*rows(1, recall=0.0), days=2 * (BURN_IN - 1) + 1)
    assert (found.verdict, found.blocks, found.low) == ("undecided", BURN_IN - 1, None)
    assert compared(*rows(1, recall=0.0), days=2 * BURN_IN).verdict == "worse"


def test_rows_of_before_and_of_a_block_that_is_not_over_do_not_count():
    candidate, champion, crashes, hours = rows(2, recall=0.3)
    whole = compared(candidate, champion, crashes, hours, days=27)
    later = hours >= 26 * 24
    changed = candidate.copy()
    changed[later] = ~changed[later]
    assert compared(changed, champion, crashes, hours, days=27) == whole
    earlier = np.concatenate([hours - 28 * 24, hours])
    doubled = [np.concatenate([~each, each]) for each in (candidate, champion, crashes)]
    assert compared(*doubled, earlier, days=27) == whole


def test_the_loss_is_linear_in_recall_and_false_alarms():
    crashes = np.repeat([True, False], [100, 900])
    champion, candidate = np.zeros(1000, dtype=bool), np.zeros(1000, dtype=bool)
    champion[:40], candidate[:30], candidate[100:190] = True, True, True
    both = Rows(np.zeros(1000, dtype=np.int64), crashes, candidate, champion)
    one_day = compare(both, opened=0, until=BLOCK_HOURS, weights=WEIGHTS, margin=0.1)
    assert one_day.difference == pytest.approx((0.4 - 0.3) + 90 / 900)


def test_what_was_said_at_each_look_is_told_again_later():
    candidate, champion, crashes, hours = rows(5, recall=0.3)
    both = Rows(hours, crashes, candidate, champion)
    later = over_time(both, opened=0, until=24 * 28, weights=WEIGHTS, margin=0.1)
    assert [each.until for each in later] == [BLOCK_HOURS * block for block in range(1, 15)]
    assert later == [compared(candidate, champion, crashes, hours, days=2 * block) for block in range(1, 15)]
    assert {each.verdict for each in later} == {"undecided", "worse"}


def test_blocks_without_rows_are_none():
    candidate, champion, crashes, hours = rows(3, recall=0.5)
    gap = (hours >= 10 * 24) & (hours < 14 * 24)
    assert compared(candidate[~gap], champion[~gap], crashes[~gap], hours[~gap]).blocks == 12


@given(st.integers(0, 1000))
def test_the_sequence_is_wider_than_an_interval_for_one_look_and_narrows(seed):
    means = np.random.default_rng(seed).normal(size=60)
    low, high = confidence_sequence(means, 0.05)
    t, spread = np.arange(1, 61), [np.inf, *(means[:n].std(ddof=1) for n in range(2, 61))]
    assert (high - low >= 2 * 1.96 * np.array(spread) / np.sqrt(t)).all()
    assert high[-1] - low[-1] < high[9] - low[9]


def test_the_true_mean_leaves_the_sequence_at_any_look_in_few_runs():
    rng = np.random.default_rng(4)
    left = 0
    for _ in range(1000):
        low, high = confidence_sequence(rng.standard_t(5, size=50), 0.05)
        left += bool(((low > 0) | (high < 0))[BURN_IN - 1 :].any())
    assert left <= 70, "7 % of 1,000"


@pytest.mark.parametrize("rate", [0, 1, -0.1, float("nan")])
def test_a_base_rate_that_gives_no_weights_is_refused(rate):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Weights.of(rate)
