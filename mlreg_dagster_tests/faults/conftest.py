"""Places that misbehave: a disk with little room, a folder that can't be written."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MAY_MOUNT = sys.platform == "linux" and os.geteuid() == 0


class Disk:
    """A disk of its own in a folder.

    Attributes:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no room at all."""
        with self._filler.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(b"0" * 4096):
                pass

    def make_room(self) -> None:
        """As before it was filled."""
        self._filler.unlink()

    def be_read_only(self) -> None:
        """Allow no writing from now on."""
        _mount("-o", "remount,ro", self.folder)


def _mount(*arguments: object) -> None:
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"needs the right to mount a disk: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Four megabytes in memory, mounted for the test."""
    if not MAY_MOUNT:
        pytest.skip("only root may mount a disk, and only on Linux it is in memory")
    folder = tmp_path / "disk"
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", folder)
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def read_only(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A folder, and what makes it one that can't be written; root is stopped by the mount alone."""
    if MAY_MOUNT:
        disk = request.getfixturevalue("disk")
        yield disk.folder, disk.be_read_only
        return
    folder = tmp_path / "mine"
    folder.mkdir()
    yield folder, lambda: _chmod(folder, 0o500, 0o400)
    _chmod(folder, 0o700, 0o600)


def _chmod(folder: Path, of_folders: int, of_files: int) -> None:
    for path in sorted([folder, *folder.rglob("*")], reverse=of_folders == 0o500):  # a folder after what is in it
        path.chmod(of_folders if path.is_dir() else of_files)
