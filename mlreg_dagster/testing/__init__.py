"""Contract suites for extensions: what every detector, source, feature, gate and notifier must do.

A suite is a base class whose methods begin with `test_`; a test module subclasses it and says what is tested:

    from mlreg_dagster.testing import DetectorContract

    import my_plugin  # which registers the detector

    class TestDistance(DetectorContract):
        detector = "distance"

The suites need asserts alone; pytest collects the subclasses whose names begin with `Test`. Tests of the package itself
are in `mlreg_dagster_tests`.
"""

from mlreg_dagster.extensions import isolated
from mlreg_dagster.testing.detectors import DetectorContract
from mlreg_dagster.testing.features import FeatureContract
from mlreg_dagster.testing.gates import GateContract
from mlreg_dagster.testing.market import random_market
from mlreg_dagster.testing.notifiers import NotifierContract
from mlreg_dagster.testing.sources import SourceContract
from mlreg_dagster.testing.world import World, build_world, shared_world

__all__ = [
    "DetectorContract",
    "FeatureContract",
    "GateContract",
    "NotifierContract",
    "SourceContract",
    "World",
    "build_world",
    "isolated",
    "random_market",
    "shared_world",
]
