"""What a detector of a plug-in is: how it is made, how its score is read, and what its model file may hold.

The detectors of the package are in `models/detectors`. This module imports neither scikit-learn nor PyOD.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.extensions.registration.catalogue import Catalogue
from mlreg_dagster.extensions.registration.plugins import PluginError, plugin_of

Matrix = NDArray[np.float64]
_Class = TypeVar("_Class", bound=type)
_Factory = TypeVar("_Factory", bound=Callable[..., Any])


@dataclass(frozen=True)
class Detector:
    """A detector of a plug-in.

    Attributes:
        name: As model.yaml names it.
        factory: Makes an unfitted object; its keyword arguments are the `params` of model.yaml.
        score: From a fitted object and rows x features to a score of each row; higher is more anomalous.
        types: Full names of the types that its model file may hold beyond those of the package.
        whitened: Whether it sees whitened principal components, as the package's detectors do, or scaled features.
    """

    name: str
    factory: Callable[..., Any]
    score: Callable[[Any, Matrix], Matrix]
    types: frozenset[str]
    whitened: bool

    def make(self, params: Mapping[str, Any], seed: int) -> Any:
        """An unfitted object; a parameter `seed` of the factory gets the seed.

        Raises:
            TypeError: A parameter that it does not have.
        """
        takes_seed = "seed" in inspect.signature(self.factory).parameters and "seed" not in params
        return self.factory(**params, **({"seed": seed} if takes_seed else {}))


DETECTORS: Catalogue[Detector] = Catalogue("detector")
"""The detectors of plug-ins; the names of the package's own are reserved."""


def detector(name: str, *, types: Iterable[str] = (), whitened: bool = True) -> Callable[[_Class], _Class]:
    """Register a class with `fit` and `score` as a detector.

    `fit(X)` learns from rows x features, without nulls, and keeps what it learned in attributes. `score(X)` gives one
    finite number for each row: higher is more anomalous, and no other row of `X` plays a part in it. `params` of
    model.yaml are the keyword arguments of the class; a parameter `seed` gets the seed.

    Args:
        name: As model.yaml names it.
        types: Full names of the types of its attributes, other than numbers, texts, lists, NumPy arrays and
            scikit-learn's estimators. The class itself needs no mention.
        whitened: Whether it sees whitened principal components or scaled features.

    Raises:
        PluginError: The name is taken, or the class has no `fit` or `score`.
    """

    def register(cls: _Class) -> _Class:
        if not all(callable(getattr(cls, method, None)) for method in ("fit", "score")):
            raise PluginError(
                f"The plug-in {plugin_of(cls.__module__)} registers the detector {name}, whose class {cls.__name__} "
                f"has no fit or no score."
            )
        found = Detector(name, cls, lambda fitted, X: fitted.score(X), frozenset({full_name(cls), *types}), whitened)
        DETECTORS.add(name, found, cls)
        return cls

    return register


def sklearn_detector(name: str, *, types: Iterable[str], whitened: bool = True) -> Callable[[_Factory], _Factory]:
    """Register a function that makes an outlier estimator of scikit-learn.

    The estimator has `fit` and `score_samples`, which is higher for normal rows: the sign is turned here. `params` of
    model.yaml are the keyword arguments of the function; a parameter `seed` gets the seed.

    Args:
        name: As model.yaml names it.
        types: Full names of the types that its file may hold; the estimator's own is one of them.
        whitened: Whether it sees whitened principal components or scaled features.

    Raises:
        PluginError: The name is taken.
    """
    return _factory(name, types, whitened, lambda fitted, X: -fitted.score_samples(X))


def pyod_detector(name: str, *, types: Iterable[str], whitened: bool = True) -> Callable[[_Factory], _Factory]:
    """Register a function that makes an outlier estimator of PyOD.

    The estimator has `fit` and `decision_function`, which is higher for anomalous rows. All else is as in
    `sklearn_detector`.
    """
    return _factory(name, types, whitened, lambda fitted, X: fitted.decision_function(X))


def full_name(cls: type) -> str:
    """Module and name of a class, as model files spell them."""
    return f"{cls.__module__}.{cls.__qualname__}"


def _factory(
    name: str, types: Iterable[str], whitened: bool, score: Callable[[Any, Matrix], Matrix]
) -> Callable[[_Factory], _Factory]:
    def register(factory: _Factory) -> _Factory:
        DETECTORS.add(name, Detector(name, factory, score, frozenset(types), whitened), factory)
        return factory

    return register
