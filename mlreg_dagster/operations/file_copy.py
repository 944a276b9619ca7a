"""Copies files and folders while other processes work on them."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.regular_files import kind_of

_APPENDED = ".jsonl"
_PASSING = (".lock", ".new", ".part", ".draft")
_PIECE = 1 << 20


def copy_folder(source: Path, target: Path, *, link: bool = False, growing: bool = False) -> None:
    """Copy the regular files below a folder; what vanishes meanwhile, locks and drafts are left out.

    Args:
        source: It need not be there.
        target: Where they go; folders are made.
        link: Give files a second name, where both lie on one disk: for files that are never changed in place.
        growing: Processes append lines meanwhile; of each such file the whole lines are taken.
    """
    for folder, _, names in os.walk(source):
        below = target / Path(folder).relative_to(source)
        for name in sorted(names):
            if name.startswith(".") or name.endswith(_PASSING):
                continue
            file, copy = Path(folder, name), below / name
            with suppress(FileNotFoundError):
                if kind_of(file) is None:
                    private_files.make_folder(below)
                    if not (link and _link(file, copy)):
                        copy_file(file, copy)
                    if growing and copy.suffix == _APPENDED:
                        _cut_to_whole_lines(copy)


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one without links
        return False
    return True


def copy_file(source: Path, target: Path) -> None:
    """Copy a file with its times; the copy is its owner's alone."""
    with source.open("rb") as old:  # one that has vanished leaves no empty copy
        private_files.make_file(target)
        with target.open("wb") as new:
            shutil.copyfileobj(old, new, _PIECE)
        os.utime(target, ns=(os.fstat(old.fileno()).st_atime_ns, os.fstat(old.fileno()).st_mtime_ns))


def _cut_to_whole_lines(file: Path) -> None:
    with file.open("rb+") as lines:
        end = lines.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _PIECE)
            lines.seek(start)
            found = lines.read(end - start).rfind(b"\n")
            if found >= 0:
                lines.truncate(start + found + 1)
                return
            end = start
        lines.truncate(0)
