"""For which versions of Dagster its private parts were tried, and a warning with any other one.

Where Dagster has a public way to the same result, callers take that with an untried version: it is slower, and safe.
"""

import warnings
from functools import cache
from importlib.metadata import version

from packaging.specifiers import SpecifierSet

TRIED = SpecifierSet(">=1.13.27,<1.14")
"""The versions that `pyproject.toml` allows."""


class UntriedDagster(UserWarning):
    """Another version of Dagster is installed than those that the project is tried with."""


@cache
def is_tried() -> bool:
    """Whether the installed version is one of those; warns once where it is not."""
    installed = version("dagster")
    if TRIED.contains(installed, prereleases=True):
        return True
    warnings.warn(
        f"Dagster {installed} is installed, and this project is tried with {TRIED}. It goes on with Dagster's own "
        f"storage, without batches of events and without the guard against a second daemon. Install a version that "
        f'is tried: pip install "dagster{TRIED}".',
        UntriedDagster,
        stacklevel=2,
    )
    return False
