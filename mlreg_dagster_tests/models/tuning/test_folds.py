"""Folds of a study: purged, and before the holdout."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import TuningSettings
from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.models.tuning.folds import TooShort, plan_folds

END = as_hour("2026-02-01")


def plan(days=13, **changes):
    horizon = changes.pop("horizon_hours", 24)
    settings = TuningSettings(**changes)
    return plan_folds(END - days * 24 * HOUR, END, settings, train_days=7, horizon_hours=horizon)


@given(
    days=st.integers(4, 40),
    horizon=st.integers(1, 48),
    embargo=st.integers(0, 72),
    folds=st.integers(1, 6),
    measured=st.integers(1, 4),
)
def test_nothing_is_judged_by_what_was_not_known_and_nothing_reads_the_holdout(days, horizon, embargo, folds, measured):
    try:
        found = plan(days, horizon_hours=horizon, embargo_hours=embargo, folds=folds, measured_days=measured)
    except TooShort:
        return
    gap, horizon = max(embargo, horizon) * HOUR, horizon * HOUR
    for split in (*found.folds, found.measured):
        assert split.train.first >= END - days * 24 * HOUR
        assert split.train.end + gap == split.judged.first
        assert split.train.end - split.train.first >= 3 * 24 * HOUR
    assert found.measured.judged.end + horizon <= END
    for split in found.folds:
        assert split.judged.end + horizon <= found.measured.judged.first
    assert len({split.judged.first for split in found.folds}) == len(found.folds)


def test_folds_without_enough_to_train_on_are_left_out():
    assert [len(plan(days).folds) for days in (13, 11, 10, 9)] == [3, 3, 2, 1]


def test_a_market_that_is_too_short_is_refused_with_what_is_needed():
    with pytest.raises(TooShort, match=r"A study needs 216 hours of market before the holdout.* 192 hours before"):
        plan(8)
    assert plan(9).folds
