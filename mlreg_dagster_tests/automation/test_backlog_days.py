"""Days that are measured again, and what a dataset rests on."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.automation.backlog import basis_of_dataset, complete_days, outdated_days
from mlreg_dagster.config import DatasetSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.datasets.windows import windows_of

START = as_hour("2026-01-01")
LOOKBACK = 5
DAY = pd.Timedelta(days=1)


# --- days -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 30), st.integers(1, 120), st.data())
def test_complete_days_are_those_with_24_hours(offset, size, data):
    hours = hour_range(START + offset * HOUR, START + (offset + size - 1) * HOUR)
    lacking = data.draw(st.sets(st.integers(0, size - 1), max_size=3))
    made = np.array([0 if position in lacking else position + 1 for position in range(size)], dtype=np.int64)
    there = {hour for hour, order in zip(hours, made, strict=True) if order}
    expected = [
        day
        for day in pd.date_range(START, hours[-1], freq="D")
        if all(day + step * HOUR in there for step in range(24))
    ]
    assert list(complete_days(hours, made)) == expected


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8))
def test_days_are_measured_again_when_an_outcome_of_theirs_or_of_a_day_before_is_newer(days_and_measures):
    hours = hour_range(START, START + 24 * len(days_and_measures) * HOUR - HOUR)
    outcomes = np.concatenate([[newest, *[newest // 2] * 23] for newest, _ in days_and_measures]).astype(np.int64)
    measured = np.array([measure for _, measure in days_and_measures], dtype=np.int64)
    days = complete_days(hours, np.ones(len(hours), dtype=np.int64))
    pieces = outdated_days(hours, outcomes, days, measured)
    found = [day for first, last in pieces for day in pd.date_range(first, last, freq="D")]
    newest = np.maximum.accumulate([newest for newest, _ in days_and_measures])
    expected = [day for day, made, measure in zip(days, newest, measured, strict=True) if measure < made]
    assert found == expected
    assert all(later > earlier + DAY for (_, earlier), (later, _) in itertools.pairwise(pieces))


def test_days_without_outcomes_are_not_measured_and_incomplete_ones_are_left_out():
    hours = hour_range(START, START + 71 * HOUR)
    outcomes = np.concatenate([np.zeros(24), np.arange(1, 49)]).astype(np.int64)
    days = pd.DatetimeIndex([START, START + DAY])
    measured = np.zeros(2, dtype=np.int64)
    assert outdated_days(hours, outcomes, days, measured) == [(START + DAY, START + DAY)]


# --- datasets ---------------------------------------------------------------------------------------------------


SETTINGS = DatasetSettings(
    history_hours=72, holdout_hours=24, embargo_hours=12, min_training_hours=30, min_holdout_hours=20
)
DATASET_DAY = as_hour("2026-01-05")
WINDOWS = windows_of(DATASET_DAY, SETTINGS)
BEHIND = hour_range(WINDOWS.training.first - LOOKBACK * HOUR, WINDOWS.holdout.end - HOUR)


def basis(snapshots, features):
    return basis_of_dataset(WINDOWS, BEHIND, snapshots, features, lookback_hours=LOOKBACK, settings=SETTINGS)


@pytest.fixture
def week():
    """Snapshots and features, all there and in order: features of an hour follow its snapshot."""
    snapshots = np.arange(1, 2 * len(BEHIND), 2)
    return snapshots, snapshots + 1


def test_a_dataset_rests_on_the_newest_features_of_its_windows(week):
    snapshots, features = week
    assert basis(snapshots, features) == features[-1]
    features[20] = 5000  # made again
    assert basis(snapshots, features) == 5000


@pytest.mark.parametrize(
    ("window", "allowed"), [(WINDOWS.training, 6), (WINDOWS.holdout, 4)], ids=["training", "holdout"]
)
def test_too_few_hours_are_no_basis(week, window, allowed):
    snapshots, features = week
    inside = np.flatnonzero(BEHIND.isin(window.hours))
    lost = inside[:allowed]
    snapshots[lost], features[lost] = 0, 0
    assert isinstance(basis(snapshots, features), int)
    lost = inside[: allowed + 1]
    snapshots[lost], features[lost] = 0, 0
    assert "window has features for " in basis(snapshots, features)


def test_hours_in_the_embargo_don_t_make_up_for_those_of_the_windows(week):
    snapshots, features = week
    outside = ~BEHIND.isin(WINDOWS.training.hours.union(WINDOWS.holdout.hours))
    snapshots[outside], features[outside] = 0, 0
    assert isinstance(basis(snapshots, features), int)
    assert "training window has features for 0 hours" in basis(np.where(outside, 1, 0), np.where(outside, 2, 0))


@pytest.mark.parametrize("position", [LOOKBACK, 40, len(BEHIND) - 1])
def test_features_older_than_a_snapshot_they_read_are_no_basis(week, position):
    snapshots, features = week
    snapshots[position] = 5000
    assert "wait for the follow-up" in basis(snapshots, features)
    features[position : position + LOOKBACK + 1] = 5001
    assert basis(snapshots, features) == 5001


def test_a_late_snapshot_before_the_windows_counts_if_they_read_it(week):
    snapshots, features = week
    snapshots[0] = 5000
    assert "wait for the follow-up" in basis(snapshots, features)  # read by the first hour of the training window
    features[LOOKBACK] = 5001
    assert basis(snapshots, features) == 5001  # what lies before the windows may stay as it is
