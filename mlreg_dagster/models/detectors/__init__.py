"""The detectors: their names, the pipeline around each, and those that scikit-learn does not have.

Importing the package takes no scikit-learn. What trains them is in `models.training`, what reads their files in
`models.artifacts`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlreg_dagster.models.detectors.robust_z_score import RobustZScore as RobustZScore


def __getattr__(name: str) -> object:
    """The class that model files name by this package: the module was one file when the first of them were written."""
    if name == "RobustZScore":
        from mlreg_dagster.models.detectors.robust_z_score import RobustZScore

        return RobustZScore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
