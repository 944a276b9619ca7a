"""The mean distance to the nearest training rows."""

import numpy as np
import pytest

from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.nearest_neighbors import NeighborDistance
from mlreg_dagster.models.detectors.scoring import fit, training_scores
from mlreg_dagster.models.training import CannotTrain, train
from mlreg_dagster_tests.models.builders import DAY_ENDS, settings_of

LINE = np.array([[0.0], [1.0], [3.0], [7.0]])


def test_a_score_is_the_mean_distance_to_the_nearest_training_rows():
    detector = NeighborDistance(n_neighbors=2).fit(LINE)
    np.testing.assert_allclose(-detector.score_samples(np.array([[0.0], [10.0], [2.0]])), [0.5, 5.0, 1.0])
    np.testing.assert_allclose(detector.training_scores_, [2.0, 1.5, 2.5, 5.0])  # none is its own neighbour


def test_training_scores_are_not_those_of_rows_beside_themselves():
    rows = np.random.default_rng(0).normal(size=(300, 4))
    pipeline = fit(make_pipeline(settings_of("nearest_neighbors")), rows)
    assert (training_scores(pipeline, rows) > -pipeline.score_samples(rows)).all()


def test_identical_rows_are_no_trouble():
    rows = np.vstack([np.zeros((50, 3)), np.random.default_rng(0).normal(size=(50, 3))])
    pipeline = fit(make_pipeline(settings_of("nearest_neighbors")), rows)
    scores = -pipeline.score_samples(np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [9.0, 9.0, 9.0]]))
    assert scores[0] == pytest.approx(0, abs=1e-6)
    assert scores[1] < 1 < scores[2]


@pytest.mark.parametrize("count", [0, -1, 2.5, "many"])
def test_a_number_of_neighbours_that_is_none_is_refused_in_words(world, count):
    with pytest.raises(CannotTrain, match=r"nearest_neighbors can't be fitted to the \d+ rows"):
        train("v1", world.training, DAY_ENDS, settings_of("nearest_neighbors", params={"n_neighbors": count}))
