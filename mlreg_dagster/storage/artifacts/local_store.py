"""Artifacts in a folder of the local disk: a bundle appears as a whole, and one process at a time writes."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from upath import UPath

from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.artifacts.base import ArtifactStoreBusy
from mlreg_dagster.storage.artifacts.bundles import Bundles
from mlreg_dagster.storage.regular_files import require_files_alone, require_folder

_LOCK_WAIT_S = 60.0


class LocalArtifactStore(Bundles):
    """A folder; of several processes that freeze the same key one wins.

    Args:
        root: The folder; it is made when first needed.
    """

    def __init__(self, root: UPath) -> None:
        self._folder_path = Path(root.path)
        super().__init__(root, self._folder_path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        root = self._folder_path
        private_files.make_folder(root)
        lock = FileLock(root / ".lock", timeout=_LOCK_WAIT_S, mode=private_files.OF_FILES)
        try:
            lock.acquire()
        except Timeout:
            raise ArtifactStoreBusy(
                f"Another process kept {root} locked for more than {_LOCK_WAIT_S:g} s; nothing was written. "
                f"Run this again when it has ended."
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _require_folders(self, *parts: str) -> None:
        folder = self._folder_path
        for part in parts:
            folder = folder / part
            require_folder(folder)

    def _write(self, kind: str, key: str, contents: Mapping[str, bytes]) -> None:
        """Under the lock: what lies in `.staging`, or in the folder without sums, was left by a dead process."""
        staging, folder = self._folder_path / ".staging", self._folder_path / kind / key
        for remains in (staging, folder):
            require_files_alone(remains)
            if remains.exists():
                shutil.rmtree(remains)
        try:
            private_files.make_folder(staging)
            for name, content in contents.items():
                private_files.make_file(staging / name)
                with (staging / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            private_files.make_folder(folder.parent)
            staging.rename(folder)
        except OSError:
            shutil.rmtree(staging, ignore_errors=True)  # on a full disk it would take the room that is needed
            raise
