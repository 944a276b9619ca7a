"""Flag policies: one threshold an hour, from nothing that lies after it, within the bounds of the budget."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import ConfigError, FlaggingSettings
from mlreg_dagster.models.flagging import Past, StartUp, sketch, thresholds

FREE = FlaggingSettings(days=1, budget=0.3, min_share=0, max_share=1)
DAY = FlaggingSettings(days=1, budget=0.2, min_share=0.15, max_share=0.25)
TOP_K = FlaggingSettings(policy="top_k", budget=0.2)
START = StartUp(np.linspace(0, 1, 201), 3.0)

_VALUES = st.one_of(st.floats(-5, 5), st.integers(0, 3).map(float))  # the latter are tied
_ROWS = st.lists(st.tuples(st.integers(100, 150), _VALUES), min_size=1, max_size=120)
_POLICIES = st.sampled_from(
    [DAY, FREE, TOP_K, FlaggingSettings(policy="top_k", k=2), FlaggingSettings(policy="frozen"), FlaggingSettings()]
)
_STARTS = st.sampled_from([None, START, StartUp(np.array([-1.0, 0.0, 9.0]), 0.4)])


def ordered(rows):
    """Hours and scores, by hour."""
    rows = sorted(rows, key=lambda row: row[0])
    return np.array([hour for hour, _ in rows], dtype=np.int64), np.array([score for _, score in rows])


def flags_of(policy, hours, scores, **known):
    return scores > thresholds(policy, hours, scores, frozen=0.5, **known)


@given(_ROWS, _ROWS, _POLICIES, _STARTS, st.integers(100, 150))
def test_nothing_after_an_hour_changes_its_threshold(rows, others, policy, start, last):
    hours, scores = ordered(rows)
    altered = [row for row in rows if row[0] <= last] + [row for row in others if row[0] > last]
    other_hours, other_scores = ordered(altered)
    found = thresholds(policy, hours, scores, frozen=0.5, start=start)[hours <= last]
    again = thresholds(policy, other_hours, other_scores, frozen=0.5, start=start)[other_hours <= last]
    assert found.tobytes() == again.tobytes()


@given(_ROWS, _POLICIES, _STARTS, st.integers(100, 150))
def test_a_range_is_its_hours_one_by_one_and_its_two_parts(rows, policy, start, middle):
    hours, scores = ordered(rows)
    whole = thresholds(policy, hours, scores, frozen=0.5, start=start)
    for cuts in (np.unique(hours), [middle]):
        parts = []
        for part in np.split(np.arange(len(hours)), np.searchsorted(hours, cuts)):
            done = slice(0, len(np.concatenate(parts)) if parts else 0)
            past = Past(hours[done], scores[done], scores[done] > whole[done])
            parts.append(thresholds(policy, hours[part], scores[part], frozen=0.5, start=start, past=past))
        assert np.concatenate(parts).tobytes() == whole.tobytes()


@given(_ROWS, _POLICIES, _STARTS, st.randoms(use_true_random=False))
def test_an_hour_has_one_threshold_whatever_the_order_of_its_rows(rows, policy, start, random):
    hours, scores = ordered(rows)
    found = thresholds(policy, hours, scores, frozen=0.5, start=start)
    order = list(range(len(rows)))
    random.shuffle(order)
    again = thresholds(policy, hours[order], scores[order], frozen=0.5, start=start)
    assert again.tobytes() == found[order].tobytes()
    assert all(len(set(found[hours == hour])) == 1 for hour in set(hours))


@given(_ROWS, _STARTS)
def test_what_is_recorded_stays_and_later_hours_count_its_flags(rows, start):
    hours, scores = ordered(rows)
    first = int(hours[0])
    found = thresholds(DAY, hours, scores, start=start, recorded={first: -100.0})
    assert set(found[hours == first]) == {-100.0}
    rest = hours > first
    past = Past(hours[~rest], scores[~rest], np.ones(int((~rest).sum()), dtype=bool))
    again = thresholds(DAY, hours[rest], scores[rest], start=start, past=past)
    assert again.tobytes() == found[rest].tobytes()


@given(_ROWS)
def test_the_share_of_the_trailing_days_stays_within_its_bounds_as_far_as_rows_and_ties_allow(rows):
    hours, scores = ordered(rows)
    flags = flags_of(DAY, hours, scores)
    for hour in np.unique(hours):
        window, here = (hours > hour - 24) & (hours <= hour), hours == hour
        before = int(flags[window & ~here].sum())
        most = max(0, int(np.floor(DAY.max_share * window.sum() - before + 1e-9)))
        least = min(int(np.ceil(DAY.min_share * window.sum() - before - 1e-9)), int(here.sum()))
        possible = {int((scores[here] > level).sum()) for level in (-np.inf, *scores[here])}  # by ties
        flagged = int(flags[here].sum())
        assert flagged <= most
        assert flagged >= least or not any(least <= number <= most for number in possible)


@pytest.mark.parametrize("rows_an_hour", [7, 286])
def test_a_model_whose_scores_drift_flags_its_budget(rows_an_hour):
    """A frozen threshold flags everything in the end."""
    rng, hours = np.random.default_rng(1), np.repeat(np.arange(5000, 5000 + 21 * 24), rows_an_hour)
    scores = rng.normal(size=len(hours)) + np.linspace(0, 5, len(hours))
    start = StartUp(np.array(sketch(rng.normal(size=1000))), rows_an_hour)
    flags = flags_of(FlaggingSettings(), hours, scores, start=start)
    weeks = [flags[(hours - 5000) // 168 == week].mean() for week in range(3)]
    assert all(0.06 <= share <= 0.1 for share in weeks)
    assert (scores[-len(scores) // 10 :] > np.quantile(scores[: len(scores) // 10], 0.92)).mean() > 0.9


@pytest.mark.parametrize("closed", [0, 60])
def test_the_window_is_of_the_clock_and_its_shares_are_of_rows(closed):
    """A market that closes has a window of as many days and fewer rows."""
    scores = np.array([9.0, 8.0, 7.0, 6.0, 5.0])
    hours = np.array([5000, 5001, 5002, 5003, 5003 + 24 + closed], dtype=np.int64)
    policy = FlaggingSettings(days=1, budget=0.4, min_share=0, max_share=0.49)
    found = thresholds(policy, hours, scores)
    assert found[-1] == 5.0  # alone in its window: the quantile is its own score, and one row of one is too many
    near = thresholds(policy, hours - np.array([0, 0, 0, 0, 1 + closed]), scores)
    assert near[-1] == 6.0  # 5003 is 23 hours before and in the window


def test_training_scores_stand_for_what_is_missing_at_the_start_and_leave_as_hours_come():
    low, high = (StartUp(np.full(201, value), 10.0) for value in (0.0, 100.0))
    hours = np.repeat(np.arange(1000, 1000 + 49), 10)
    scores = np.tile(np.arange(10.0), 49)
    policy = FlaggingSettings(days=1, budget=0.2, min_share=0, max_share=0.4)
    with_low, with_high = (thresholds(policy, hours, scores, start=start) for start in (low, high))
    assert with_low[0] != with_high[0]
    assert (with_low[-10:] == with_high[-10:]).all()


def test_top_k_flags_so_many_rows_of_each_hour_and_of_tied_rows_all_or_none():
    hours = np.repeat([1, 2, 3], 5)
    scores = np.array([1, 2, 3, 4, 5, 1, 1, 1, 1, 1, 1, 2, 4, 4, 4.0])
    assert flags_of(FlaggingSettings(policy="top_k", k=2), hours, scores).reshape(3, 5).sum(axis=1).tolist() == [
        2,
        0,
        0,
    ]
    assert flags_of(TOP_K, hours, scores).reshape(3, 5).sum(axis=1).tolist() == [1, 0, 0]
    assert flags_of(FlaggingSettings(policy="top_k", k=9), hours, scores).all()


def test_a_budget_lies_within_its_bounds():
    with pytest.raises(ConfigError, match="budget must lie between min_share and max_share"):
        FlaggingSettings().override({"budget": 0.2}, "flagging")
    assert FlaggingSettings().override({"budget": 0.2, "policy": "top_k"}).budget == 0.2


def test_a_frozen_threshold_must_be_there():
    with pytest.raises(ValueError, match="needs the threshold"):
        thresholds(FlaggingSettings(policy="frozen"), np.array([1]), np.array([1.0]))
