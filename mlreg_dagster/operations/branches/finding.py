"""Which branches a home has."""

from dataclasses import dataclass
from pathlib import Path

from mlreg_dagster.core.errors import MlregError


class UnknownBranch(MlregError):
    """There is no branch of that name."""


@dataclass(frozen=True)
class Branch:
    """A branch."""

    name: str


def branch_home(home: Path, name: str) -> Path:
    """The home of a branch.

    Raises:
        UnknownBranch: There is none of that name.
    """
    if name == "prod":
        return home
    raise UnknownBranch(f"There is no branch {name!a} of {home}.")


def branches(home: Path) -> list[Branch]:  # noqa: ARG001
    """All branches."""
    return []
