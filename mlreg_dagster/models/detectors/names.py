"""Which detectors there are, by name; their pipelines are made in `making`. Importing it takes no scikit-learn."""

from mlreg_dagster.config import ConfigError, Settings
from mlreg_dagster.extensions.detectors import DETECTORS

CRASH_CLASSIFIER = "crash_classifier"
"""The one that learns from labels; it is in `models.classifier`."""

SCORERS = {
    "isolation_forest": "compiled walk (Numba)",
    "local_outlier_factor": "scikit-learn",
    "nearest_neighbors": "scikit-learn",
    "robust_z_score": "NumPy",
    "ensemble": "its members' scorers",
    CRASH_CLASSIFIER: "NumPy",
}
"""What scores the rows of each detector: the fastest that was measured at any number of rows, see decision 0015."""


def require_detector(name: str, where: str) -> None:
    """Refuse a detector that nothing offers.

    Args:
        name: The detector.
        where: File or run config that names it, for the message.

    Raises:
        ConfigError: There is no such detector.
    """
    if name not in DETECTORS:
        raise ConfigError(
            f"{where}: detector: there is no detector {name!r}; allowed are {', '.join(DETECTORS.names)}. If a plug-in "
            f"brings it, install that, or name its module in extensions.yaml."
        )


def require_known_detectors(settings: Settings) -> None:
    """Refuse model files that name a detector which nothing offers.

    Raises:
        ConfigError: One does.
    """
    for name, model in settings.models.items():
        require_detector(model.detector, f"{name}.yaml")


def scorer_of(detector: str) -> str:
    """What scores the rows of a detector."""
    plugin = DETECTORS.plugin(detector)
    return SCORERS.get(detector) or (f"plug-in {plugin}" if plugin else "a plug-in that is not installed")
