"""Which branches a home has, and where they lie; neither Dagster nor tables nor registries are opened."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mlreg_dagster.config.places import branches_root, is_branch
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.operations.branches.record import BranchRecord, read_record
from mlreg_dagster.storage.regular_files import OddFile

PROD = "prod"
"""The name of the home itself, of which branches are made."""

WORK = "makes or deletes a branch"
"""What another process does that keeps the branches of a home."""

DELETED = "deleted.jsonl"
"""File beside the branches of a home: a line of each one that was deleted, with the versions that it had made."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_LONGEST_SHOWN = 100


class UnknownBranch(MlregError):
    """A name that no branch of the home has."""


class BranchRefused(MlregError):
    """A branch that can't be made, deleted or used in this way; nothing was changed."""


@dataclass(frozen=True)
class Branch:
    """A branch of a home.

    Attributes:
        name: Its name.
        home: Its folder, a whole home.
        record: How it was made.
    """

    name: str
    home: Path
    record: BranchRecord

    @property
    def made_at(self) -> datetime:
        """The time of its snapshot."""
        return self.record.made_at

    @property
    def source(self) -> str:
        """What it is a snapshot of."""
        return self.record.source


def branch_home(home: Path, name: str) -> Path:
    """The folder of a branch; `prod` names the home itself.

    Raises:
        UnknownBranch: The home has no such branch.
    """
    return home if name == PROD else find_branch(home, name).home


def find_branch(home: Path, name: str) -> Branch:
    """A branch by its name.

    Raises:
        UnknownBranch: The home has no such branch.
    """
    if _NAME.fullmatch(name) and (found := _branch_in(branches_root(home) / name)):
        return found
    known = ", ".join([PROD, *(each.name for each in branches(home))])
    raise UnknownBranch(
        f"There is no branch {one_line(ascii(name), _LONGEST_SHOWN)} of {home}. There are: {known}. "
        f"mlreg branch create makes one."
    )


def branches(home: Path) -> list[Branch]:
    """The branches of a home, by name; folders that can't be read as branches are left out, see `not_branches`."""
    return [found for folder in _folders(home) if (found := _branch_in(folder))]


def not_branches(home: Path) -> list[Path]:
    """What lies among the branches and is none: a folder without a record that can be read, or something else."""
    root = branches_root(home)
    if not root.is_dir():
        return []
    known = {root / DELETED, *(branch.home for branch in branches(home))}
    return [path for path in sorted(root.iterdir()) if not path.name.startswith(".") and path not in known]


def require_name(name: str) -> str:
    """A name that a branch may have.

    Raises:
        BranchRefused: It has another form, or is that of the home itself.
    """
    if name == PROD or not _NAME.fullmatch(name):
        raise BranchRefused(
            f"{one_line(ascii(name), _LONGEST_SHOWN)} can't name a branch. Use up to 40 lower-case letters, digits "
            f"and '-', a letter first; {PROD} is the home itself."
        )
    return name


def require_production(source: str) -> None:
    """Refuse anything but production as the source of a branch.

    Raises:
        BranchRefused: It is something else.
    """
    if source != PROD:
        raise BranchRefused(f"Branches are made of {PROD} alone, not of {one_line(ascii(source), _LONGEST_SHOWN)}.")


def require_not_branch(home: Path) -> None:
    """Refuse a home that is a branch itself: branches are made of, and managed from, production.

    Raises:
        BranchRefused: It is one.
    """
    if is_branch(home):
        raise BranchRefused(
            f"MLREG_HOME names {home}, which is a branch. Branches are managed from the home that they were made of: "
            f"MLREG_HOME={home.resolve().parent.parent}"
        )


def _folders(home: Path) -> Iterator[Path]:
    root = branches_root(home)
    if root.is_dir():
        yield from (path for path in sorted(root.iterdir()) if _NAME.fullmatch(path.name))


def _branch_in(folder: Path) -> Branch | None:
    if folder.is_symlink() or not folder.is_dir():
        return None
    try:
        record = read_record(folder)
    except (OSError, OddFile, ValueError):  # no record, or none that can be read: it is not used as a branch
        return None
    return Branch(folder.name, folder, record) if record.name == folder.name else None
