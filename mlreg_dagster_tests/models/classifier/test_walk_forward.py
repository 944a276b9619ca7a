"""What a fold learns from was known before the rows that judge it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from mlreg_dagster.models.classifier.folds import walk_forward


@given(
    st.lists(st.integers(0, 500), min_size=30, max_size=200, unique=True),
    st.integers(1, 6),
    st.integers(0, 100),
)
def test_a_fold_trains_on_labels_that_were_known_before_it_and_no_row_is_judged_twice(stamps, folds, gap):
    hours = np.array(sorted([*stamps, *stamps]))
    judged_before = np.array([], dtype=int)
    found = list(walk_forward(hours, folds, gap))
    assert len(found) == folds
    for before, judged in found:
        assert not len(before) or hours[before].max() + gap < hours[judged].min()
        assert not len(np.intersect1d(judged, judged_before))
        judged_before = np.union1d(judged_before, judged)
    assert hours[judged_before].max() == hours.max()


@pytest.mark.parametrize(("folds", "hours"), [(0, 10), (5, 5)])
def test_folds_that_can_not_be_made_are_refused(folds, hours):
    with pytest.raises(ValueError, match="walk-forward folds can't be made"):
        list(walk_forward(np.arange(hours), folds, 0))


def test_without_the_gap_labels_that_overlap_tell_of_each_other():
    """Crashes come by chance, so nothing that was known before them can tell of them."""

    def precision(gap):
        rng = np.random.default_rng(1)
        hours = np.arange(1200)
        crash_at = rng.random((1224, 40)) < 0.004
        y = np.array([crash_at[hour + 1 : hour + 25].any(axis=0) for hour in hours])
        found = []
        for before, judged in walk_forward(hours, 40, gap):
            if len(before):
                newest = y[before[-1]].astype(float)  # what is known of each instrument, taken for what comes
                found += [(y[hour], newest) for hour in judged[:6]]
        truth, scores = (np.concatenate(each) for each in zip(*found, strict=True))
        return average_precision_score(truth, scores) / truth.mean()

    assert precision(0) > 3
    assert precision(48) < 1.3
