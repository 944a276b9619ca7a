"""Frozen thresholds that follow a temporary drift: within bounds, from the decision on, up to an end."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.outcomes.predicting.moved_thresholds import MovedThresholds, moved
from mlreg_dagster.registry import DriftDecision

START = pd.Timestamp("2026-02-01", tz="UTC")
HOURS = hour_range(START, START + 99 * HOUR)
finite = st.floats(-1e6, 1e6)


def record(number, day, effective, threshold=None, until=1000, version="v1"):
    content = threshold and {
        "version": version, "frozen": 0.5, "threshold": threshold, "until": (START + until * HOUR).isoformat()
    }  # fmt: skip
    return DriftDecision(
        number, f"2026-01-{day:02}", version, "confirmed", "data", "adapt_threshold", 11, None, (), {}, content,
        START + effective * HOUR, "automation", "it drifts", START, None,
    )  # fmt: skip


def by_hour(*records, version="v1", hours=HOURS):
    return MovedThresholds(records).applied(version, pd.Series(hours), np.full(len(hours), 0.5))


@given(finite, st.lists(finite, max_size=50), st.floats(0.01, 0.5), st.floats(0, 0.5))
def test_it_never_leaves_its_bounds(frozen, scores, share, most):
    found = moved(frozen, np.array(scores), share, most)
    rounded = 2 * np.spacing(abs(frozen))
    assert abs(found - frozen) <= most * abs(frozen) + rounded


def test_within_them_it_flags_the_share_of_the_training():
    scores = np.random.default_rng(0).normal(0.6, 0.05, 1000)
    threshold = moved(0.6, scores, 0.08, 0.2)
    assert np.mean(scores > threshold) == pytest.approx(0.08, abs=0.001)
    assert moved(0.6, scores + 1, 0.08, 0.2) == pytest.approx(0.72)
    assert moved(0.6, scores - 1, 0.08, 0.2) == pytest.approx(0.48)
    assert moved(0.6, np.array([]), 0.08, 0.2) == 0.6


def test_it_counts_from_the_decision_up_to_its_end():
    found = by_hour(record(1, 30, 10, 0.55, until=20))
    assert (found[:10] == 0.5).all()
    assert (found[10:20] == 0.55).all()
    assert (found[20:] == 0.5).all()


def test_a_later_decision_ends_it():
    found = by_hour(record(1, 30, 10, 0.55), record(2, 31, 34))
    assert (found[10:34] == 0.55).all()
    assert (found[34:] == 0.5).all()


def test_what_is_recorded_later_about_an_earlier_day_does_not_end_it():
    found = by_hour(record(1, 30, 10, 0.55), record(2, 12, 34))
    assert (found[10:] == 0.55).all()


def test_another_record_about_the_same_day_replaces_it_from_then_on():
    found = by_hour(record(1, 30, 10, 0.55), record(2, 30, 34, 0.45))
    assert (found[10:34] == 0.55).all()
    assert (found[34:] == 0.45).all()


def test_other_versions_keep_their_thresholds():
    assert (by_hour(record(1, 30, 10, 0.55), version="v2") == 0.5).all()
    assert (by_hour() == 0.5).all()


@given(st.lists(st.tuples(st.integers(1, 28), st.sampled_from([None, 0.45, 0.55])), max_size=8), st.integers(0, 99))
def test_no_hour_is_changed_by_what_is_recorded_after_it(decided, hour):
    records = [
        record(number, day, number * 12, threshold, until=number * 12 + 30)
        for number, (day, threshold) in enumerate(decided)
    ]
    known = [each for each in records if each.effective_at <= HOURS[hour]]
    assert by_hour(*records)[hour] == by_hour(*known)[hour]
