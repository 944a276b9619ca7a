"""Two detectors: scikit-learn's OneClassSVM, and a class of one's own.

model.yaml:

    detector: one_class_svm
    params: {nu: 0.1}
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.extensions import detector, sklearn_detector


@sklearn_detector("one_class_svm", types=["sklearn.svm._classes.OneClassSVM"])
def one_class_svm(nu: float = 0.1, gamma: str = "scale") -> Any:
    """Schölkopf et al., "Estimating the Support of a High-Dimensional Distribution", 2001."""
    from sklearn.svm import OneClassSVM  # imported when a model is trained, not when the code location loads

    return OneClassSVM(nu=nu, gamma=gamma)


@detector("distance_from_centre")
class DistanceFromCentre:
    """Mahalanobis' distance: in whitened space it is the distance from the mean.

    Args:
        power: To which the distance is raised.
    """

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def fit(self, X: NDArray[np.float64]) -> None:
        """Learn the mean of the rows."""
        self.centre = X.mean(axis=0)

    def score(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Higher is more anomalous."""
        return np.asarray(np.sqrt(((X - self.centre) ** 2).sum(axis=1)) ** self.power)
