"""Makes folders and files that their owner alone may read and write, under any umask of the process."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlreg_dagster.core.errors import MlregError

if TYPE_CHECKING:
    from upath import UPath

OF_FILES, OF_FOLDERS = 0o600, 0o700
_OTHERS = 0o077


class NotAFolder(MlregError):
    """Something else lies where a folder is to be made."""


def keep_private() -> None:
    """Give others no access to what this process makes from now on: for our own programs, not for libraries."""
    os.umask(os.umask(_OTHERS) | _OTHERS)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing; one that is there stays as it is.

    Raises:
        NotAFolder: Something else lies there.
    """
    missing = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    try:
        for each in reversed(missing):
            each.mkdir(OF_FOLDERS, exist_ok=True)
    except (FileExistsError, FileNotFoundError, NotADirectoryError):
        pass  # reported below
    if folder.exists() and not folder.is_dir():
        raise NotAFolder(f"{folder} is no folder. Move it away, or name another place.")
    if not folder.exists():
        raise NotAFolder(f"{folder} can't be made: something on its way is no folder. Name another place.")


def make_file(path: Path) -> None:
    """Make an empty file, unless something is there, which may lie on a disk that can only be read."""
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, OF_FILES))


def write(path: "Path | UPath", content: bytes) -> None:
    """Write a file from its beginning; a new one is the owner's alone, one on an object store has no such thing."""
    if getattr(path, "protocol", "") not in {"", "file", "local"}:
        path.write_bytes(content)
        return
    local = Path(str(getattr(path, "path", path)))
    descriptor = os.open(local, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), OF_FILES)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
