"""The compiled walk against scikit-learn's own, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import IsolationForest

from mlreg_dagster.models.scorers.forest_walk import ForestTooLarge, forest_scores

forests = st.fixed_dictionaries(
    {
        "n_estimators": st.integers(1, 12),
        "max_samples": st.sampled_from([1.0, 0.5, 1, 2, 64]),
        "max_features": st.sampled_from([1.0, 0.5]),
        "bootstrap": st.booleans(),
        "random_state": st.integers(0, 1000),
    }
)


def training_rows(seed: int, columns: int = 4) -> np.ndarray:
    """Tails, ties, both zeros, a constant, large and tiny numbers."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_t(2, size=(200, columns)) * 10.0 ** rng.integers(-6, 7, columns)
    rows[:, 0] = rng.choice([-1.0, -0.0, 0.0, 1.0], len(rows))
    rows[:, -1] = 3.0
    return rows


@settings(max_examples=40)
@given(forests, st.integers(0, 1000))
def test_scores_are_those_of_scikit_learn(params, seed):
    rows = training_rows(seed)
    forest = IsolationForest(**params).fit(rows)
    others = np.vstack([rows, training_rows(seed + 1), np.full((3, 4), [[0.0], [1e300], [-1e300]]).clip(-3e38, 3e38)])
    np.testing.assert_array_equal(forest_scores(forest, others), -forest.score_samples(others))


def test_rows_on_and_beside_every_threshold_take_the_same_turn():
    rows = training_rows(7, columns=2)[:, :1]
    forest = IsolationForest(n_estimators=20, max_samples=1.0, random_state=0).fit(rows)
    on = np.concatenate([each.tree_.threshold for each in forest.estimators_])
    single = on.astype(np.float32)
    beside = [single, np.nextafter(single, np.float32(np.inf)), np.nextafter(single, np.float32(-np.inf)), on]
    points = np.concatenate([each.astype(np.float64) for each in beside])[:, None]
    np.testing.assert_array_equal(forest_scores(forest, points), -forest.score_samples(points))


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 200])
def test_a_row_scores_the_same_in_any_company(count):
    rows = training_rows(1)
    forest = IsolationForest(n_estimators=30, random_state=0).fit(rows)
    np.testing.assert_array_equal(forest_scores(forest, rows[:count]), forest_scores(forest, rows)[:count])


def test_trees_of_one_row_score_all_alike():
    rows = training_rows(4)
    forest = IsolationForest(n_estimators=3, max_samples=1, random_state=0).fit(rows)
    np.testing.assert_array_equal(forest_scores(forest, rows), -forest.score_samples(rows))


def test_each_forest_keeps_its_own_trees():
    rows = training_rows(2)
    first, second = (IsolationForest(n_estimators=5, random_state=seed).fit(rows) for seed in (0, 1))
    for forest in (first, second, first):
        np.testing.assert_array_equal(forest_scores(forest, rows), -forest.score_samples(rows))
    first.fit(training_rows(3))
    np.testing.assert_array_equal(forest_scores(first, rows), -first.score_samples(rows))


def test_more_nodes_than_can_be_numbered_are_refused_in_words():
    forest = IsolationForest(n_estimators=5, random_state=0).fit(training_rows(4))
    forest.n_features_in_ = 1 << 30
    with pytest.raises(ForestTooLarge, match="1073741824 features is too large to be scored"):
        forest_scores(forest, training_rows(4))


@pytest.mark.parametrize("columns", [1, 2, 3, 64, 65])
def test_any_number_of_features_fits_beside_the_children(columns):
    rows = np.random.default_rng(columns).normal(size=(300, columns))
    forest = IsolationForest(n_estimators=9, max_samples=1.0, random_state=0).fit(rows)
    np.testing.assert_array_equal(forest_scores(forest, rows), -forest.score_samples(rows))
