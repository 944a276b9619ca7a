import os
import subprocess
import sys

import numpy as np
import pytest

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.names import CRASH_CLASSIFIER, SCORERS
from mlreg_dagster.models.detectors.robust_z_score import RobustZScore
from mlreg_dagster.models.detectors.scoring import anomaly_scores, fit, own_space, training_scores
from mlreg_dagster_tests.models.builders import DETECTORS, settings_of
from mlreg_dagster_tests.models.classifier.rows import KINDS


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_detector_is_made_without_parameters(detector):
    assert fit(make_pipeline(ModelSettings(detector=detector)), np.random.default_rng(0).normal(size=(50, 3)))


def test_the_baseline_says_how_many_robust_deviations_a_row_lies_off():
    X = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [100.0, 5.0]])
    baseline = RobustZScore().fit(X)
    deviation = 1.4826  # of 0, 1, 2, 3, 100: median 2, median absolute deviation 1
    expected = -np.array([2, 1, 0, 1, 98]) / deviation
    np.testing.assert_allclose(baseline.score_samples(X), expected)
    np.testing.assert_allclose(baseline.score_samples(np.array([[2.0, 1e9]])), 0)  # no deviation known, nothing said


def test_the_baseline_is_not_moved_by_its_outliers():
    X = np.random.default_rng(0).normal(size=(200, 3))
    spoiled = X.copy()
    spoiled[:20] = 1e6
    plain, robust = (RobustZScore().fit(rows).score_samples(X[20:]) for rows in (X, spoiled))
    np.testing.assert_allclose(plain, robust, atol=0.6)  # mean and deviation would be off by thousands


def test_broken_correlations_are_far_out_for_detectors_but_not_for_the_baseline():
    rng = np.random.default_rng(0)
    common = rng.normal(size=500)
    X = np.column_stack([common, common + 0.05 * rng.normal(size=500), rng.normal(size=500)])
    broken = np.array([[1.5, -1.5, 0.0]])  # each value is usual, the pair is not
    for detector in DETECTORS:
        pipeline = make_pipeline(settings_of(detector)).fit(X)
        rank = np.mean(anomaly_scores(pipeline, X) < anomaly_scores(pipeline, broken))
        assert (rank > 0.9) == (detector != "robust_z_score"), detector


def test_detectors_see_white_space_and_the_baseline_the_features_themselves():
    X = np.random.default_rng(0).normal(size=(500, 4)) @ np.random.default_rng(1).normal(size=(4, 4))
    for detector in DETECTORS:
        seen = own_space(make_pipeline(settings_of(detector)).fit(X), X)
        white = np.allclose(np.cov(seen.T), np.eye(4), atol=1e-9)
        assert white == (detector not in {"robust_z_score", "ensemble"}), detector
        np.testing.assert_allclose(seen.var(axis=0, ddof=1), 1, rtol=0.01)


def test_a_local_outlier_factor_does_not_find_its_training_rows_beside_themselves():
    X = np.random.default_rng(0).normal(size=(300, 4))
    X[0] = 8.0
    pipeline = make_pipeline(settings_of("local_outlier_factor")).fit(X)
    kept, as_new = training_scores(pipeline, X), anomaly_scores(pipeline, X)
    np.testing.assert_array_equal(kept, -pipeline[-1].negative_outlier_factor_)
    assert kept[0] > as_new[0]
    pipeline = make_pipeline(settings_of("isolation_forest")).fit(X)
    np.testing.assert_array_equal(training_scores(pipeline, X), anomaly_scores(pipeline, X))


def test_each_detector_says_what_scores_its_rows():
    assert SCORERS.keys() == {*DETECTORS, CRASH_CLASSIFIER}


_PRINT_SCORES = """
import hashlib
import numpy as np
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores, fit, training_scores
from mlreg_dagster_tests.models.builders import DETECTORS, settings_of
from mlreg_dagster_tests.models.classifier.rows import KINDS, fitted
rng = np.random.default_rng(0)
X = np.einsum("ij,jk", rng.normal(size=(1500, 20)), rng.normal(size=(20, 20)))  # `@` itself depends on threads
found = {name: (fit(make_pipeline(settings_of(name)), X), X) for name in DETECTORS}
found |= {kind: fitted(kind)[:2] for kind in KINDS}
for name, (pipeline, X) in found.items():
    for scores in (training_scores(pipeline, X), anomaly_scores(pipeline, X)):
        print(name, hashlib.sha256(scores.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_scores_are_the_same_to_the_last_bit_with_any_number_of_threads():
    def scores(threads):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", _PRINT_SCORES]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    one, two = scores("1"), scores("2")
    assert one == two
    assert one.count("\n") == 2 * len([*DETECTORS, *KINDS])


@pytest.mark.parametrize("rows", [1, 511, 512, 513, 2000])
def test_rows_pass_in_blocks_and_none_is_lost(rows):
    X = np.random.default_rng(0).normal(size=(rows, 3))
    pipeline = make_pipeline(settings_of("robust_z_score")).fit(np.random.default_rng(1).normal(size=(50, 3)))
    np.testing.assert_allclose(anomaly_scores(pipeline, X), -pipeline.score_samples(X))


def test_many_rows_that_several_cores_share_score_like_a_few_of_them():
    rng = np.random.default_rng(5)
    pipeline = fit(make_pipeline(settings_of("isolation_forest")), rng.normal(size=(400, 6)))
    rows = rng.normal(size=(9001, 6))
    together = anomaly_scores(pipeline, rows)
    for part in (slice(0, 1), slice(100, 1100), slice(9000, 9001)):
        np.testing.assert_array_equal(together[part], anomaly_scores(pipeline, rows[part]))
