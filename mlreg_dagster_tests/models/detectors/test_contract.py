"""The package's detectors keep the contract that plug-ins are held to."""

from typing import Any, ClassVar

from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.detectors.names import SCORERS
from mlreg_dagster.testing import DetectorContract
from mlreg_dagster_tests.models.builders import MEMBERS


class TestIsolationForest(DetectorContract):
    detector = "isolation_forest"
    params: ClassVar = {"n_estimators": 25}


class TestLocalOutlierFactor(DetectorContract):
    detector = "local_outlier_factor"


class TestRobustZScore(DetectorContract):
    detector = "robust_z_score"


class TestNearestNeighbors(DetectorContract):
    detector = "nearest_neighbors"


class TestEnsemble(DetectorContract):
    detector = "ensemble"

    def train(self, **changes: Any) -> Model:
        return super().train(members=MEMBERS, **changes)


class TestBoostingOfCrashes(DetectorContract):
    detector = "crash_classifier"
    params: ClassVar = {"kind": "boosting", "max_iter": 20, "min_samples_leaf": 20}
    is_supervised = True


class TestLogisticRegressionOfCrashes(DetectorContract):
    detector = "crash_classifier"
    params: ClassVar = {"calibration": "isotonic"}
    is_supervised = True


def test_every_detector_of_the_package_is_held_to_it():
    suites = (
        *(TestIsolationForest, TestLocalOutlierFactor, TestNearestNeighbors, TestRobustZScore, TestEnsemble),
        *(TestBoostingOfCrashes, TestLogisticRegressionOfCrashes),
    )
    assert {suite.detector for suite in suites} == set(SCORERS)
