"""Extension points: how a project adds its own detectors, sources, features, gates and notifiers."""

from mlreg_dagster.extensions.catalogue import isolated
from mlreg_dagster.extensions.gates import Gate, Measurement, NotComputable, NothingAsked, Threshold, gate
from mlreg_dagster.extensions.loading import load_extensions
from mlreg_dagster.extensions.plugins import Plugin, PluginError
