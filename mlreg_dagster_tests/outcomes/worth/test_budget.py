"""Both are held to as many flags as the one with fewer has, by what was known at the hour."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.outcomes.worth.budget import first_hour_of_week, held_to_budget


@st.composite
def two_that_flag(draw):
    """Hours, flags and scores of two over some weeks; scores tie now and then."""
    seed, shares = draw(st.integers(0, 2**32 - 1)), (draw(st.floats(0, 0.6)), draw(st.floats(0, 0.6)))
    rng = np.random.default_rng(seed)
    hours = np.repeat(np.sort(rng.choice(800, size=60, replace=False)), 5)
    scores = [np.round(rng.normal(size=len(hours)), draw(st.integers(0, 3))) for _ in shares]
    flags = [score > np.quantile(score, 1 - share) for score, share in zip(scores, shares, strict=True)]
    return hours, tuple(flags), tuple(scores)


WEEK = 168
MONDAY = 96  # 1970-01-05 00:00, in hours since 1970-01-01


def in_week_so_far(hours, weights, hour):
    return weights[(hours <= hour) & (hours >= first_hour_of_week(np.array([hour]))[0])].sum()


@given(two_that_flag())
def test_a_flag_counts_only_while_its_week_holds_no_more_than_the_one_with_fewer_has_recorded(case):
    hours, flags, _ = case
    held = held_to_budget(*case)
    for hour in np.unique(hours):
        budget = min(in_week_so_far(hours, flag, hour) for flag in flags)
        for weights in held:
            assert not weights[hours == hour].any() or in_week_so_far(hours, weights, hour) <= budget + 1e-9
    for weights, flag in zip(held, flags, strict=True):
        assert ((weights >= 0) & (weights <= flag)).all()


@given(two_that_flag(), st.integers(0, 800))
def test_what_comes_later_changes_nothing(case, hour):
    hours, flags, scores = case
    past = hours <= hour
    later = np.random.default_rng(1).random(len(hours))
    changed_flags = tuple(np.where(past, flag, later > 0.5) for flag in flags)
    changed_scores = tuple(np.where(past, score, 9 * later) for score in scores)
    known, changed = held_to_budget(*case), held_to_budget(hours, changed_flags, changed_scores)
    for before, after in zip(known, changed, strict=True):
        np.testing.assert_array_equal(before[past], after[past])


@given(two_that_flag(), st.integers(0, 4))
def test_a_week_needs_no_other_one(case, weeks):
    hours, flags, scores = case
    rest = hours >= MONDAY + weeks * WEEK
    alone = held_to_budget(hours[rest], tuple(flag[rest] for flag in flags), tuple(score[rest] for score in scores))
    for whole, part in zip(held_to_budget(*case), alone, strict=True):
        np.testing.assert_array_equal(whole[rest], part)


@given(two_that_flag())
def test_which_is_called_the_version_does_not_matter_and_neither_does_the_order_within_an_hour(case):
    hours, flags, scores = case
    own, other = held_to_budget(*case)
    turned = held_to_budget(hours, flags[::-1], scores[::-1])
    np.testing.assert_array_equal(turned[1], own)
    np.testing.assert_array_equal(turned[0], other)
    order = np.lexsort([np.random.default_rng(2).random(len(hours)), hours])
    mixed = held_to_budget(hours, tuple(flag[order] for flag in flags), tuple(score[order] for score in scores))
    np.testing.assert_allclose(mixed[0], own[order])


def test_with_the_same_flags_all_count():
    hours = np.arange(100).repeat(3)
    score = np.random.default_rng(0).random(300)
    held = held_to_budget(hours, (score > 0.8, score > 0.8), (score, -score))
    assert all((weights == (score > 0.8)).all() for weights in held)


def test_of_one_that_flags_more_the_highest_scores_count():
    """A flag an hour against four: the best of each four counts, and those that share the place share the flag."""
    hours = np.arange(50).repeat(10)
    score = np.tile([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0], 50)
    few, many = held_to_budget(hours, (score >= 9, score >= 6), (score, score))
    assert (few == (score >= 9)).all()
    assert (many == (score >= 9)).all()
    tied = np.where(score >= 6, 6.0, score)
    _, shared = held_to_budget(hours, (score >= 9, score >= 6), (score, tied))
    assert shared[score >= 6].sum() == pytest.approx(50)
    assert shared[score >= 6] == pytest.approx(0.25)


def test_one_that_flags_all_at_once_gains_nothing_by_it():
    """Nothing for six days, then all rows: within the week it counts with as many flags as the other."""
    hours = MONDAY + np.arange(WEEK).repeat(10)
    rng = np.random.default_rng(0)
    score, other = rng.random(len(hours)), rng.random(len(hours))
    at_once = hours >= MONDAY + 144
    own, _ = held_to_budget(hours, (at_once, other > 0.95), (score, other))
    assert own.sum() <= (other > 0.95).sum() < at_once.sum()
