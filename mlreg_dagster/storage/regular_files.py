"""Opens regular files alone: a link may lead anywhere, a pipe never answers, a device never ends."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from upath import UPath

from mlreg_dagster.core.errors import MlregError

_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class OddFile(MlregError):
    """Something other than a file where a file belongs, or a file that is larger than any of its kind."""


def kind_of(path: Path) -> str | None:
    """What lies there if it is not a file: "a link", "a folder", …; None for a file.

    Raises:
        FileNotFoundError: Nothing lies there.
    """
    return _KINDS.get(stat.S_IFMT(path.lstat().st_mode))


def require_folder(path: Path) -> None:
    """Refuse what lies where a folder belongs and is none; nothing at all is fine.

    Raises:
        OddFile: It is a link, a file, a pipe, ….
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "a file")
        raise OddFile(f"{path} is {kind}, not a folder. Move it away, then run this again.")


def require_files_alone(folder: Path) -> None:
    """Refuse a folder that holds anything but files.

    Raises:
        OddFile: It does, or is no folder.
    """
    require_folder(folder)
    for path in folder.iterdir() if folder.exists() else ():
        if (kind := kind_of(path)) is not None:
            raise OddFile(f"{path} is {kind}, not a file. Move it away, then run this again.")


@contextmanager
def opened(path: Path | UPath, largest: int) -> Iterator[BinaryIO]:
    """Open a file for reading.

    Args:
        path: Local, or on anything that fsspec knows.
        largest: Bytes that it has at most.

    Raises:
        FileNotFoundError: Nothing lies there.
        OddFile: It is no file, or a larger one.
    """
    if isinstance(path, UPath) and path.protocol not in {"", "file", "local"}:
        _require(path, int(path.stat().st_size), largest)
        with path.open("rb") as remote:
            yield remote
        return
    local = Path(path.path) if isinstance(path, UPath) else path
    if (kind := kind_of(local)) is not None:
        raise OddFile(f"{local} is {kind}, not a file. Move it away, then run this again.")
    descriptor = os.open(local, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)  # of what is open: another thing may have taken the name in between
        if not stat.S_ISREG(found.st_mode):
            raise OddFile(f"{local} is no file. Move it away, then run this again.")
        _require(local, found.st_size, largest)
        yield file


def read(path: Path | UPath, largest: int) -> bytes:
    """The content of a file.

    Raises:
        FileNotFoundError: Nothing lies there.
        OddFile: It is no file, or larger than `largest` bytes.
    """
    with opened(path, largest) as file:
        content = file.read(largest + 1)
    _require(path, len(content), largest)
    return content


def _require(path: object, size: int, largest: int) -> None:
    if size > largest:
        raise OddFile(f"{path} has {size:,} bytes, and at most {largest:,} are read. Move it away.")
