"""A plug-in's detector as the last step of a pipeline, behind the interface of scikit-learn."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.extensions.detectors import DETECTORS, Detector, full_name

Matrix = NDArray[np.float64]


class DetectorFailed(MlregError):
    """A plug-in's detector that failed, or gave scores that are none."""


class DetectorNotInstalled(MlregError):
    """A model of a plug-in that is not installed."""


class PluginDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """A detector of a plug-in, looked up by its name.

    Args:
        name: As it is registered.
        params: Keyword arguments of its factory.
        seed: For what is random in it.
    """

    def __init__(self, name: str, params: Mapping[str, Any] | None = None, seed: int = 0) -> None:
        self.name = name
        self.params = params
        self.seed = seed

    def fit(self, X: Matrix, y: object = None) -> Self:  # noqa: ARG002
        """Learn from rows x features, without nulls."""
        found = registered(self.name)
        self.estimator_ = found.make(self.params or {}, self.seed)
        try:
            self.estimator_.fit(X)
        except (MlregError, ValueError, TypeError):
            raise
        except Exception as error:
            raise DetectorFailed(f"{_name(found)} can't be fitted: {type(error).__name__}: {error}.") from error
        if (kind := full_name(type(self.estimator_))) not in found.types:
            raise DetectorFailed(
                f"{_name(found)} makes a {kind}, which is not among the types that it declares "
                f"({', '.join(sorted(found.types)) or 'none'}): add it to `types` where it is registered."
            )
        return self

    def score_samples(self, X: Matrix) -> Matrix:
        """Minus the plug-in's score: higher is more normal, as in scikit-learn."""
        found = registered(self.name)
        try:
            scores = np.asarray(found.score(self.estimator_, X), dtype=np.float64)
        except MlregError:
            raise
        except Exception as error:
            raise DetectorFailed(f"{_name(found)} can't score: {type(error).__name__}: {error}.") from error
        if scores.shape != (len(X),) or not np.isfinite(scores).all():
            raise DetectorFailed(
                f"{_name(found)} gave scores of shape {scores.shape} for {len(X)} rows, or some that are not finite."
            )
        return -scores


PluginDetector.__module__ = "mlreg_dagster.models.plugin_detector"  # by which model files name it


def registered(name: str) -> Detector:
    """The plug-in's detector of that name.

    Raises:
        DetectorNotInstalled: None is registered.
    """
    found = DETECTORS.get(name)
    if found is None:
        raise DetectorNotInstalled(f"The detector {name} belongs to a plug-in that is not installed.")
    return found


def _name(found: Detector) -> str:
    return f"The detector {found.name} of {DETECTORS.plugin(found.name)}"
