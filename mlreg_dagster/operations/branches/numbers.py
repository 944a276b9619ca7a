"""Numbers of versions across a home and its branches: a number means one model in all of them.

A version keeps its number when it moves, as its bundle, its predictions and signatures name it. So a new version takes
a number that none of them has. Two trainings at the same moment may still take the same; then only one of them moves.
"""

from pathlib import Path

from mlreg_dagster.config.places import branches_root, is_branch, registry_url
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.operations.branches.deletion import deleted_versions
from mlreg_dagster.operations.branches.finding import branches
from mlreg_dagster.registry.read_only import ReadOnlyRegistry

_WAIT_S = 2.0


def production_of(home: Path) -> Path:
    """The home that a branch was made of; any other home itself."""
    folder = home.resolve()
    return folder.parent.parent if is_branch(home) and folder.parent.name == branches_root(home).name else home


def taken_elsewhere(home: Path) -> set[str]:
    """The versions of production and of all its branches, but for those of the home itself; they are only read.

    A registry that can't be read now is passed over: a version of the same number is refused when it is to move.
    """
    production = production_of(home)
    family = [production, *(branch.home for branch in branches(production))]
    taken = deleted_versions(production)
    for each in family:
        if each.resolve() == home.resolve():
            continue
        try:
            registry = ReadOnlyRegistry(registry_url(each), wait_s=_WAIT_S)
            taken |= {version.version for version in registry.versions()} | registry.lost_versions()
        except MlregError:
            continue
    return taken
