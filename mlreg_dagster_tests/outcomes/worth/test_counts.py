"""What is counted of a day, against the same counted by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.outcomes.worth.counts import COLUMNS, average_precision_parts, counts_by_day, known_until
from mlreg_dagster_tests.outcomes.worth.markets import MONDAY, market

DAY = 24 * HOUR
RANKING = "ranking:fall"


@pytest.fixture(scope="module")
def outcomes():
    return market(weeks=3, v1=1.0, fall=0.3)


def test_a_day_is_counted_as_by_hand(outcomes):
    found = counts_by_day(outcomes, "v1", RANKING, 0.1)
    assert list(found.columns) == list(COLUMNS)
    for day in (MONDAY, MONDAY + 9 * DAY):
        rows = outcomes[outcomes["prediction_hour"].between(day, day + DAY - HOUR)]
        crash = rows["outcome"] == "crash"
        for prefix, version in (("", "v1"), ("opponent_", RANKING)):
            of = rows["model_version"] == version
            assert found.loc[day, f"{prefix}flagged"] == rows.loc[of, "is_anomaly"].sum()
            assert found.loc[day, f"{prefix}true_positives"] == (rows["is_anomaly"] & crash)[of].sum()
            assert found.loc[day, f"{prefix}hits"] <= found.loc[day, f"{prefix}true_positives"]
        assert found.loc[day, "pairs"] == len(rows) / 2
        assert found.loc[day, "crashes"] == crash.sum() / 2
        assert found.loc[day, "left_out"] == 0


def test_rows_without_a_pair_are_left_out_and_counted(outcomes):
    lost = outcomes.copy()
    first = lost.index[(lost["prediction_hour"] == MONDAY) & (lost["model_version"] == RANKING)][:3]
    lost.loc[first[0], "in_sample"] = True
    lost.loc[first[1], "outcome"] = "unresolved"
    lost = lost.drop(first[2])
    found = counts_by_day(lost, "v1", RANKING, 0.1).loc[MONDAY]
    assert (found["pairs"], found["left_out"]) == (4 * 12 - 3, 3)


def test_only_days_are_counted_whose_outcomes_are_all_due(outcomes):
    newest = MONDAY + 10 * DAY + 6 * HOUR
    known = outcomes[outcomes["hour"] <= newest]
    assert known_until(known) == MONDAY + 9 * DAY
    found = counts_by_day(known, "v1", RANKING, 0.1)
    assert found.index[-1] == MONDAY + 8 * DAY
    whole = counts_by_day(outcomes, "v1", RANKING, 0.1)
    pd.testing.assert_frame_equal(found, whole.loc[: MONDAY + 8 * DAY], check_freq=False)


def test_days_can_be_counted_piece_by_piece(outcomes):
    since = MONDAY + 12 * DAY
    recent = outcomes[outcomes["prediction_hour"] >= since - 7 * DAY]
    whole = counts_by_day(outcomes, "v1", RANKING, 0.1)
    held = ["held", "hits", "opponent_held", "opponent_hits"]
    found = counts_by_day(recent, "v1", RANKING, 0.1, since)
    assert found.index[0] == since
    pd.testing.assert_frame_equal(found.drop(columns=held), whole.loc[since:].drop(columns=held), check_freq=False)


def test_nothing_is_counted_where_they_never_met(outcomes):
    found = counts_by_day(outcomes, "v9", RANKING, 0.1)
    assert (len(found), list(found.columns)) == (0, list(COLUMNS))
    assert len(counts_by_day(outcomes[:0], "v1", RANKING, 0.1)) == 0


def by_hand(crash, score, size):
    """Precision at each crash among the `size` highest scores, which are all different."""
    ordered = crash[np.argsort(-score)]
    return sum(ordered[: place + 1].mean() for place in range(size) if ordered[place])


@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_average_precision_without_ties_is_that_by_hand(seed, size):
    rng = np.random.default_rng(seed)
    crash, score = rng.random(20) < 0.3, rng.permutation(20).astype(float)
    gain, other, findable = average_precision_parts(crash, score, -score, size / 20)
    assert gain == pytest.approx(by_hand(crash, score, size))
    assert other == pytest.approx(by_hand(crash, -score, size))
    assert findable == pytest.approx(min(size, crash.sum()))
    assert gain <= findable + 1e-9


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.5))
def test_among_equal_scores_the_order_of_rows_does_not_matter(seed, budget):
    rng = np.random.default_rng(seed)
    crash, score = rng.random(30) < 0.3, rng.integers(0, 4, size=30).astype(float)
    order = rng.permutation(30)
    found = average_precision_parts(crash[order], score[order], score[order], budget)
    assert found == pytest.approx(average_precision_parts(crash, score, score, budget))


def test_scores_that_are_all_equal_are_as_good_as_chance():
    crash = np.array([True, False, False, False])
    assert average_precision_parts(crash, np.zeros(4), np.zeros(4), 0.5) == (0.125, 0.125, 1.0)


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(outcomes, random):
    shuffled = outcomes.sample(frac=1, random_state=random.randrange(2**32))
    pd.testing.assert_frame_equal(
        counts_by_day(shuffled, "v1", RANKING, 0.1), counts_by_day(outcomes, "v1", RANKING, 0.1)
    )
