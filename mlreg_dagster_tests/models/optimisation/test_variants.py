"""What changes make of fitted pipelines: which kinds admit them, and that the original stays as it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.models.detectors.names import SCORERS
from mlreg_dagster.models.detectors.scoring import anomaly_scores, own_space
from mlreg_dagster.models.optimisation.variants import (
    CHANGES,
    FLOAT32,
    HALF,
    QUANTISED,
    QUARTER,
    NotForThisKind,
    UnknownChange,
    changed,
)

ADMITTED = {
    "isolation_forest": {HALF, QUARTER, FLOAT32, QUANTISED},
    "local_outlier_factor": {FLOAT32},
    "nearest_neighbors": {FLOAT32},
    "robust_z_score": {FLOAT32},
    "ensemble": {HALF, QUARTER, FLOAT32, QUANTISED},
    "crash_classifier": {FLOAT32},
}


@pytest.fixture(scope="module")
def rows(world):
    features = [name for name in world.training.rows.columns if world.training.rows[name].dtype.kind == "f"]
    return world.training.rows[features].to_numpy(dtype=np.float64)


@pytest.fixture(scope="module")
def forest(model_of):
    return model_of("isolation_forest").pipeline


@pytest.mark.parametrize("detector", SCORERS)
def test_a_change_is_made_or_refused_by_kind_and_the_original_stays(model_of, rows, detector):
    pipeline = model_of(detector).pipeline
    before, admitted = anomaly_scores(pipeline, rows), set()
    for change in CHANGES:
        try:
            after = anomaly_scores(changed(pipeline, change, rows), rows)
        except NotForThisKind:
            continue
        admitted.add(change)
        assert np.corrcoef(before, after)[0, 1] > 0.6
    assert admitted == ADMITTED[detector]
    np.testing.assert_array_equal(anomaly_scores(pipeline, rows), before)


def test_an_unknown_change_is_refused(forest, rows):
    with pytest.raises(UnknownChange, match=r"no change 'tenth'\. Choose one of half_trees, quarter_trees"):
        changed(forest, "tenth", rows)


@pytest.mark.parametrize(("change", "part"), [(HALF, 2), (QUARTER, 4)])
def test_fewer_trees_are_a_forest_to_scikit_learn_too(forest, rows, change, part):
    found = changed(forest, change, rows)
    assert len(found[-1].estimators_) == found[-1].n_estimators == len(forest[-1].estimators_) // part
    expected = -found[-1].score_samples(own_space(found, rows))
    np.testing.assert_allclose(anomaly_scores(found, rows), expected, rtol=1e-9)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 1.0, 30.0]))
def test_a_forest_in_32_bit_scores_any_row_the_same(forest, rows, seed, spread):
    found = changed(forest, FLOAT32, rows)
    thresholds = np.concatenate([each.tree_.threshold for each in found[-1].estimators_])
    np.testing.assert_array_equal(thresholds, thresholds.astype(np.float32))
    others = np.random.default_rng(seed).normal(0, spread, size=(50, rows.shape[1]))
    np.testing.assert_array_equal(anomaly_scores(found, others), anomaly_scores(forest, others))


def test_quantised_thresholds_are_few_and_near(world, rows):
    forest = world.train(params={"n_estimators": 150, "max_samples": 1.0}).pipeline
    found = changed(forest, QUANTISED, rows)
    before, after = ({}, {})
    for pipeline, known in ((forest, before), (found, after)):
        for tree in pipeline[-1].estimators_:
            for feature, threshold in zip(tree.tree_.feature, tree.tree_.threshold, strict=True):
                if feature >= 0:
                    known.setdefault(int(feature), []).append(threshold)
    assert before.keys() == after.keys()
    assert max(len(set(values)) for values in before.values()) > 256
    for feature, values in before.items():
        assert len(set(after[feature])) <= 256
        assert np.median(np.abs(np.subtract(values, after[feature]))) < 0.02 * np.ptp(values)


def test_an_ensemble_ranks_by_what_its_changed_members_say(model_of, rows):
    whole = model_of("ensemble").pipeline
    found = changed(whole, QUARTER, rows)
    scores = anomaly_scores(found[-1].members_[0], own_space(found, rows))
    np.testing.assert_allclose(found[-1].quantiles_[0], np.quantile(scores, np.linspace(0, 1, 257)))
    assert not np.allclose(found[-1].quantiles_[0], whole[-1].quantiles_[0])
    np.testing.assert_array_equal(found[-1].quantiles_[1], whole[-1].quantiles_[1])
