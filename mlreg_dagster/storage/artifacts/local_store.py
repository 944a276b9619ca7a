"""Artifacts in a folder of the local disk: a bundle appears as a whole, and one process at a time writes."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from upath import UPath

from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.artifacts.base import SUMS, Artifact, ArtifactStoreBusy, ArtifactTampered
from mlreg_dagster.storage.artifacts.bundles import LARGEST_FILE, LARGEST_SUMS, NAME, Bundles, check_names
from mlreg_dagster.storage.regular_files import OddFile, require_files_alone, require_folder

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

    def kinds(self) -> list[str]:
        """The kinds of bundles that may be there, in the order of text."""
        found = self._folder_path.iterdir() if self._folder_path.is_dir() else ()
        return sorted(path.name for path in found if not path.name.startswith(".") and path.is_dir())

    def keys(self, kind: str) -> list[str]:
        """The keys of all bundles of a kind, in the order of text."""
        check_names(kind)
        folder = self.root / kind
        if not folder.is_dir():
            return []
        self._require_folders(kind)
        named = [path for path in folder.iterdir() if NAME.fullmatch(path.name) and not path.is_symlink()]
        return sorted(path.name for path in named if (path / SUMS).is_file())

    def _read_sums(self, kind: str, key: str) -> bytes | None:
        folder = self._folder(kind, key)
        try:
            self._require_folders(kind, key)
            return regular_files.read(folder / SUMS, LARGEST_SUMS)
        except FileNotFoundError:
            return None
        except OddFile as error:
            raise ArtifactTampered(f"{error} The bundle {kind}/{key} can't be there.") from error

    def _listed(self, artifact: Artifact) -> Mapping[str, str]:
        return {path.name: str(path) for path in (self._folder_path / artifact.kind / artifact.key).iterdir()}

    def _contents(self, artifact: Artifact, files: Mapping[str, str]) -> Iterable[tuple[str, bytes | None]]:
        for name, place in files.items():
            try:
                yield name, regular_files.read(Path(place), LARGEST_FILE)
            except FileNotFoundError:
                yield name, None
            except OddFile as error:
                bundle = f"{artifact.kind}/{artifact.key}"
                raise ArtifactTampered(f"{error} The bundle {bundle} needs the file that was frozen.") from error

    def _require_folders(self, *parts: str) -> None:
        """Refuse what lies where a folder of the store belongs and is none.

        Raises:
            OddFile: It is a link, a file, a pipe, ….
        """
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
