"""What a feature is: named values on a grid, with how far back they look, what they mean and their unit.

The features of the package are defined in `market/features`; plug-ins add theirs with the decorator `feature`, and
`features.yaml: own` chooses among them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.extensions.grid import Array, Grid
from mlreg_dagster.extensions.registration.catalogue import Catalogue
from mlreg_dagster.extensions.registration.plugins import PluginError, plugin_of

MOST_LOOKBACK = 168
"""How many hours back `market_features` reads the snapshots at least."""

_Function = TypeVar("_Function", bound=Callable[[Grid], Array])


class FeatureFailed(MlregError):
    """A plug-in's feature that failed, or gave values of another shape; no features were stored."""


@dataclass(frozen=True)
class Feature:
    """A feature.

    Attributes:
        name: Of the column of `market_features`.
        lookback: How many hours before its own it reads.
        description: What it is, with its unit.
        unit: `%`, `h`, …; 1 where it has none.
        fill: Computes it: the grid, then the hours x instruments array to fill. Features that share a function are
            computed by one call, which gets their arrays in the order of the features.
        version: Of its arithmetic.
        family: The features that measure the same thing, which reasons and importance name together; "" = itself alone.
    """

    name: str
    lookback: int
    description: str
    unit: str
    fill: Callable[..., None]
    version: str = "1"
    family: str = ""


FEATURES: Catalogue[Feature] = Catalogue("feature")
"""The features of plug-ins."""


def feature(
    name: str, *, lookback: int, description: str, unit: str, version: str = "1", family: str = ""
) -> Callable[[_Function], _Function]:
    """Register a plug-in's feature; the decorated function computes it.

    The function gets a `Grid` that holds the computed hours and `lookback` hours before, and returns an array of
    hours x instruments; what is not finite is stored as null. The value of an hour may depend on that hour and the
    hours before, never on later ones: the contract suite tests it.

    Args:
        name: Of the column.
        lookback: How many hours before its own it reads, 0 … 168.
        description: What it is, in a few words.
        unit: `%`, `h`, …; 1 where it has none.
        version: Of the arithmetic. `features.yaml: own` names it, and rows of another version are refused.
        family: The features that measure the same thing and are explained together: one of the package's families,
            or the plug-in's own; left out: the feature stands for itself.

    Raises:
        PluginError: The name is taken, the description is empty, or the lookback is out of range.
    """

    def register(function: _Function) -> _Function:
        if not description or not unit or not version or not 0 <= lookback <= MOST_LOOKBACK:
            raise PluginError(
                f"The plug-in {plugin_of(function.__module__)} registers the feature {name} without a description, "
                f"unit or version, or with a lookback that is not within 0 … {MOST_LOOKBACK} hours."
            )

        def fill(grid: Grid, out: Array) -> None:
            try:
                with np.errstate(all="ignore"):
                    values = np.asarray(function(grid.limited_to(lookback)), dtype=np.float64)
            except Exception as error:
                raise FeatureFailed(
                    f"The feature {name} of {plugin_of(function.__module__)} failed: {type(error).__name__}: {error}."
                ) from error
            if values.shape != out.shape:
                raise FeatureFailed(
                    f"The feature {name} of {plugin_of(function.__module__)} gave values of shape {values.shape} for "
                    f"{out.shape[0]} hours and {out.shape[1]} instruments."
                )
            out[:] = np.where(np.isfinite(values), values, np.nan)

        meaning = f"{description.rstrip('.')}{'' if unit == '1' else f', {unit}'}."
        FEATURES.add(name, Feature(name, lookback, meaning, unit, fill, version, family), function)
        return function

    return register
