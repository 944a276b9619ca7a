"""One event is counted once, however many rows, hours and instruments it fills."""

from itertools import combinations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.market.episodes import episodes_of, independent
from mlreg_dagster_tests.outcomes.frames import at

CRASHES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 200)), max_size=30)


def crashes_of(crashes):
    frame = pd.DataFrame(crashes, columns=["instrument_id", "offset"])
    return frame.assign(prediction_hour=[at(offset) for offset in frame["offset"]])


def test_crashes_with_less_than_a_day_between_them_are_one_episode():
    found = episodes_of(crashes_of([("a", 0), ("a", 23), ("a", 46), ("a", 70), ("b", 10), ("a", 0)]))
    assert found["instrument_id"].tolist() == ["a", "a", "b"]
    assert found["first"].tolist() == [at(0), at(70), at(10)]
    assert found["last"].tolist() == [at(46), at(70), at(10)]
    assert found["crashes"].tolist() == [3, 1, 1]


def test_without_a_crash_there_is_no_episode():
    found = episodes_of(crashes_of([]).assign(prediction_hour=pd.DatetimeIndex([], tz="UTC")))
    assert (len(found), independent(found)) == (0, 0)


@given(CRASHES, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(crashes, random):
    shuffled = random.sample(crashes, len(crashes))
    if crashes:
        pd.testing.assert_frame_equal(episodes_of(crashes_of(shuffled)), episodes_of(crashes_of(crashes)))


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), min_size=1, max_size=8))
def test_independent_is_the_most_of_which_no_two_overlap(spans):
    episodes = pd.DataFrame(
        [{"first": at(begin), "last": at(begin + length)} for begin, length in spans], columns=["first", "last"]
    )
    most = max(
        size
        for size in range(1, len(spans) + 1)
        for chosen in combinations(spans, size)
        if all(left[0] + left[1] < right[0] or right[0] + right[1] < left[0] for left, right in combinations(chosen, 2))
    )
    assert independent(episodes) == most


def test_all_instruments_at_once_are_one_event_but_a_year_that_never_rests_is_many():
    at_once = crashes_of([(name, offset) for name in "abcdef" for offset in range(5, 25)])
    assert independent(episodes_of(at_once)) == 1
    overlapping = pd.DataFrame(
        {"first": [at(10 * n) for n in range(100)], "last": [at(10 * n + 19) for n in range(100)]}
    )
    assert independent(overlapping) == 50
