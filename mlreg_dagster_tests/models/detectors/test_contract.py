"""The package's detectors keep the contract that plug-ins are held to."""

from typing import ClassVar

from mlreg_dagster.models.detectors.names import SCORERS
from mlreg_dagster.testing import DetectorContract


class TestIsolationForest(DetectorContract):
    detector = "isolation_forest"
    params: ClassVar = {"n_estimators": 25}


class TestLocalOutlierFactor(DetectorContract):
    detector = "local_outlier_factor"


class TestRobustZScore(DetectorContract):
    detector = "robust_z_score"


def test_every_detector_of_the_package_is_held_to_it():
    assert {TestIsolationForest.detector, TestLocalOutlierFactor.detector, TestRobustZScore.detector} == set(SCORERS)
