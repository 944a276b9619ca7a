"""Extension points: how a project adds its own detectors, sources, features, gates and notifiers.

Plug-ins register with the decorators of this module. They are found by `load_extensions`, through entry points of the
group `mlreg_dagster` and the modules that configs/extensions.yaml names. Each kind has one catalogue; the rooms that
use it check the configuration against it when definitions are built.
"""

from mlreg_dagster.extensions.detectors import Detector, detector, pyod_detector, sklearn_detector
from mlreg_dagster.extensions.features import Feature, FeatureFailed, feature
from mlreg_dagster.extensions.gates import Gate, Measurement, NotComputable, NothingAsked, Threshold, gate
from mlreg_dagster.extensions.grid import Array, Grid
from mlreg_dagster.extensions.notifiers import notifier
from mlreg_dagster.extensions.registration.catalogue import isolated
from mlreg_dagster.extensions.registration.loading import load_extensions
from mlreg_dagster.extensions.registration.plugins import Plugin, PluginError, plugin_of
from mlreg_dagster.extensions.sources import source

__all__ = [
    "Array",
    "Detector",
    "Feature",
    "FeatureFailed",
    "Gate",
    "Grid",
    "Measurement",
    "NotComputable",
    "NothingAsked",
    "Plugin",
    "PluginError",
    "Threshold",
    "detector",
    "feature",
    "gate",
    "isolated",
    "load_extensions",
    "notifier",
    "plugin_of",
    "pyod_detector",
    "sklearn_detector",
    "source",
]
