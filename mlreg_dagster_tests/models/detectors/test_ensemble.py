"""The mean rank among the training scores of each member."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import MemberSettings
from mlreg_dagster.models.artifacts.soundness import require_sound
from mlreg_dagster.models.detectors.ensemble import RankEnsemble, rank
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores, fit, training_scores
from mlreg_dagster.models.training import CannotTrain, train
from mlreg_dagster_tests.models.builders import DAY_ENDS, MEMBERS, settings_of, with_rows

ROWS = np.random.default_rng(0).standard_t(4, size=(600, 5))
KNOWN = np.quantile(np.random.default_rng(1).normal(size=400), np.linspace(0, 1, 257))
HIGHEST = 400 / 401


def test_a_score_is_the_mean_share_of_training_rows_that_score_lower():
    ensemble = fit(make_pipeline(settings_of("ensemble")), ROWS)
    expected = []
    for member in MEMBERS:
        alone = fit(make_pipeline(settings_of(**dict(member), seed=42)), ROWS)
        known = np.sort(training_scores(alone, ROWS))
        expected.append(np.searchsorted(known, anomaly_scores(alone, ROWS[:200] * 0.9)) / len(ROWS))
    found = anomaly_scores(ensemble, ROWS[:200] * 0.9)
    np.testing.assert_allclose(found, np.mean(expected, axis=0), atol=1 / 256)


def test_a_member_that_looks_for_neighbours_is_ranked_by_its_leave_one_out_scores():
    ensemble = fit(make_pipeline(settings_of("ensemble")), ROWS)
    alone = fit(make_pipeline(settings_of("nearest_neighbors", whiten=False)), ROWS)
    np.testing.assert_allclose(ensemble[-1].quantiles_[1][-1], training_scores(alone, ROWS).max())
    assert training_scores(ensemble, ROWS).mean() == pytest.approx(0.5, abs=0.01)
    assert anomaly_scores(ensemble, ROWS).mean() < 0.5  # as new rows they lie beside themselves


@given(st.floats(-50, 1e6), st.floats(-50, 1e6))
def test_ranks_keep_the_order_and_stay_between_0_and_1(one, other):
    low, high = rank(np.sort([one, other]), KNOWN, HIGHEST)
    assert 0 <= low <= high <= 1
    if min(one, other) > KNOWN[-1] and abs(one - other) > 1e-3 * max(one, other):
        assert low < high  # rows far out are told apart


def test_ranks_meet_at_the_highest_training_score():
    at, beyond = rank(np.array([KNOWN[-1], KNOWN[-1] + 1e-9]), KNOWN, HIGHEST)
    assert at == HIGHEST
    assert beyond == pytest.approx(HIGHEST, abs=1e-9)
    assert rank(np.array([3.0, 2.9, 3.1]), np.full(257, 3.0), HIGHEST)[:2].tolist() == [HIGHEST, 0.0]


def test_more_neighbours_than_rows_are_refused_for_a_member_too(world):
    few = with_rows(world.training, world.training.rows.iloc[:8])
    with pytest.raises(CannotTrain, match="with n_neighbors 10 at least 11 are needed"):
        train("v1", few, DAY_ENDS, settings_of("nearest_neighbors", params={"n_neighbors": 10}))
    members = (MEMBERS[0], MemberSettings(detector="nearest_neighbors", params={"n_neighbors": 10}))
    with pytest.raises(CannotTrain, match="with n_neighbors 10 at least 11 are needed"):
        train("v1", few, DAY_ENDS, settings_of("ensemble", members=members))


def test_an_ensemble_of_other_members_than_the_package_has_is_not_loaded(model_of):
    model = model_of("ensemble")
    inner = model.pipeline[-1]
    nested = RankEnsemble(inner.members)
    nested.__dict__.update(inner.__dict__, members_=[replace(model).pipeline, *inner.members_])
    spoiled = make_pipeline(settings_of("ensemble"))
    spoiled.steps = [*model.pipeline.steps[:-1], ("detector", nested)]
    require_sound(model.pipeline)
    with pytest.raises(ValueError, match="its steps are SimpleImputer, StandardScaler, RankEnsemble"):
        require_sound(spoiled)
