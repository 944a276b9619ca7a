"""The module that model files name for `PluginDetector`, and nothing else; the class is in `detectors.plugin`."""

from mlreg_dagster.models.detectors.plugin import PluginDetector

__all__ = ["PluginDetector"]
