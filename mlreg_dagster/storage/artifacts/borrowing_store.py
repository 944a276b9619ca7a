"""Artifacts of which some lie in another store, which is only read: a folder that names it in a file, as Git does.

A bundle of the other store counts as frozen here, too: the same content is not written again, other content is refused.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from upath import UPath

from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.artifacts.base import Artifact
from mlreg_dagster.storage.artifacts.bundles import Bundles
from mlreg_dagster.storage.artifacts.local_store import LocalArtifactStore

_LENDER = ".reads-from"
_LONGEST = 8192


class BorrowingArtifactStore(LocalArtifactStore):
    """A folder that is written, over a store that is only read.

    Args:
        root: The folder.
        lender: The other store; nothing is ever written to it.
    """

    def __init__(self, root: UPath, lender: Bundles) -> None:
        super().__init__(root)
        self._lender = lender

    def freeze(self, kind: str, key: str, files: Mapping[str, bytes]) -> Artifact:
        """Write a bundle into the folder, unless the other store holds it."""
        lent = None if self._is_own(kind, key) else self._lender.find(kind, key)
        if lent is not None and self._lender.is_frozen(kind, key, files):
            return lent
        return super().freeze(kind, key, files)

    def read(
        self, kind: str, key: str, sha256: str | None = None, names: Collection[str] | None = None
    ) -> dict[str, bytes]:
        """The files of a bundle, from the folder or the other store."""
        if self._is_own(kind, key) or self._lender.find(kind, key) is None:
            return super().read(kind, key, sha256, names)
        return self._lender.read(kind, key, sha256, names)

    def find(self, kind: str, key: str) -> Artifact | None:
        """What was frozen under a key, in the folder or the other store."""
        return super().find(kind, key) or self._lender.find(kind, key)

    def keys(self, kind: str) -> list[str]:
        """The keys of all bundles of a kind, of both stores."""
        return sorted({*super().keys(kind), *self._lender.keys(kind)})

    def _is_own(self, kind: str, key: str) -> bool:
        return super().find(kind, key) is not None


def borrow(folder: Path, lender: str) -> None:
    """Let the store in a folder read from another one.

    Args:
        folder: It has no bundles yet.
        lender: The folder or URL of the other store.
    """
    private_files.make_folder(folder)
    private_files.write(folder / _LENDER, lender.encode())


def lender_of(folder: Path) -> str | None:
    """The folder or URL that the store in a folder also reads from; None: nothing else.

    Raises:
        OddFile: What should name it is no file, or too large.
    """
    try:
        return regular_files.read(folder / _LENDER, _LONGEST).decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
