"""A folder that appears whole under its name, or not at all, however the process that makes it ends."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained

_DRAFT = ".mlreg-draft"
LOCK = ".mlreg-backup.lock"
"""File of a folder of backups, kept by the process that changes what is in it."""


class BackupBusy(MlregError):
    """Another process makes or restores a backup, or a branch, in the same folder."""


@contextmanager
def draft_of(target: Path, work: str = "makes or restores a backup") -> Iterator[Path]:
    """An empty folder beside `target` that takes its name at the end; after an error it is gone.

    What processes that were killed left in the same folder is removed first.

    Args:
        target: Not there yet, or an empty folder.
        work: What another process does that is at work there, for the message.

    Raises:
        BackupBusy: Another process is at work in that folder.
        StorageFull, StorageNotWritable: The disk or folder is at fault; there is no `target`.
    """
    folder = target.parent
    with explained(folder):
        private_files.make_folder(folder)
        try:
            with FileLock(folder / LOCK, timeout=0, mode=private_files.OF_FILES):
                for left in drafts_in(folder):
                    shutil.rmtree(left)
                draft = folder / draft_name(target)
                private_files.make_folder(draft)
                try:
                    yield draft
                    _sync(draft)
                    draft.rename(target)
                    _sync_one(folder)
                except BaseException:
                    shutil.rmtree(draft, ignore_errors=True)
                    raise
        except Timeout:
            raise BackupBusy(
                f"Another process {work} in {folder}. Wait until it has ended, then run this again."
            ) from None


def draft_name(backup: Path) -> str:
    """The name of a backup that is being made or removed; what is left under it is removed by the next one."""
    return f".{backup.name}{_DRAFT}"


def drafts_in(folder: Path) -> list[Path]:
    """What processes at work, or killed, have made of a backup."""
    return sorted(folder.glob(f".*{_DRAFT}")) if folder.is_dir() else []


def _sync(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            _sync_one(Path(folder, name))
        _sync_one(Path(folder))


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
