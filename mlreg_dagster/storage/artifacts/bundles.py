"""What all stores share: the names, sums and verification of bundles. Where the files are is known to each store."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from upath import UPath

from mlreg_dagster.core.untrusted.text import one_line, visible
from mlreg_dagster.storage import regular_files
from mlreg_dagster.storage.artifacts.base import (
    SUMS,
    Artifact,
    ArtifactFrozen,
    ArtifactMissing,
    ArtifactTampered,
    InvalidArtifact,
)
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.regular_files import OddFile

_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,128}")  # no path separators; the leading dot is for the store itself
_LARGEST_FILE, _LARGEST_SUMS = 8 << 30, 1 << 20
_LINE = re.compile(r"([0-9a-f]{64})  (.+)\n")


class Bundles(ABC):
    """Bundles under one folder; see `ArtifactStore` for what they can do.

    Args:
        root: The folder; it is made when first needed.
        local: The same, where it is on the local disk.
    """

    def __init__(self, root: UPath, local: Path | None = None) -> None:
        self.root = root
        self.local = local

    @abstractmethod
    def _write(self, kind: str, key: str, contents: Mapping[str, bytes]) -> None:
        """Write all files of a bundle that is not there; its sums are the last of them."""

    @abstractmethod
    def _require_folders(self, *parts: str) -> None:
        """Refuse what lies where a folder of the store belongs and is none.

        Raises:
            OddFile: It is a link, a file, a pipe, ….
        """

    def _alone(self) -> AbstractContextManager[None]:
        """Keep other writers out, where the store can."""
        return nullcontext()

    def freeze(self, kind: str, key: str, files: Mapping[str, bytes]) -> Artifact:
        """Write a bundle, once; freezing the same content again changes nothing."""
        _check_names(kind, key, *files)
        if not files or SUMS in files:
            raise InvalidArtifact(f"The bundle {kind}/{key} needs files, none of them called {SUMS}.")
        sums = _sums({name: _sha256(content) for name, content in files.items()})
        with explained(f"{self.root}/{kind}/{key}"), self._alone():
            if not self.is_frozen(kind, key, files):
                self._write(kind, key, {**files, SUMS: sums})
        return self._artifact(kind, key, sums)

    def read(
        self, kind: str, key: str, sha256: str | None = None, names: Collection[str] | None = None
    ) -> dict[str, bytes]:
        """The files of a bundle, all of them verified."""
        sums = self._read_sums(kind, key)
        if sums is None:
            known = ", ".join(self.keys(kind)) or "none"
            raise ArtifactMissing(f"There is no bundle {kind}/{key} in {self.root}. Bundles of {kind}: {known}.")
        artifact = self._artifact(kind, key, sums)
        if sha256 is not None and artifact.sha256 != sha256:
            raise _tampered(artifact.uri, SUMS, sha256, artifact.sha256)
        folder = self._folder(kind, key)
        for path in folder.iterdir():
            if path.name not in {*artifact.files, SUMS}:
                raise _tampered(artifact.uri, visible(path.name, 200), "nothing", "something that was not frozen")
        contents = {}
        for name, expected in artifact.files.items():
            if names is not None and name not in names:
                continue
            try:
                contents[name] = regular_files.read(folder / name, _LARGEST_FILE)
            except FileNotFoundError:
                raise _tampered(artifact.uri, name, expected, "no such file") from None
            except OddFile as error:
                raise ArtifactTampered(f"{error} The bundle {kind}/{key} needs the file that was frozen.") from error
            if (found := _sha256(contents[name])) != expected:
                raise _tampered(artifact.uri, name, expected, found)
        return contents

    def find(self, kind: str, key: str) -> Artifact | None:
        """What was frozen under a key, if anything; the files themselves are not verified."""
        sums = self._read_sums(kind, key)
        return None if sums is None else self._artifact(kind, key, sums)

    def keys(self, kind: str) -> list[str]:
        """The keys of all bundles of a kind, in the order of text."""
        _check_names(kind)
        folder = self.root / kind
        if not folder.is_dir():
            return []
        self._require_folders(kind)
        named = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and not path.is_symlink()]
        return sorted(path.name for path in named if (path / SUMS).is_file())

    def _folder(self, kind: str, key: str) -> UPath:
        _check_names(kind, key)
        return self.root / kind / key

    def _read_sums(self, kind: str, key: str) -> bytes | None:
        folder = self._folder(kind, key)
        try:
            self._require_folders(kind, key)
            return regular_files.read(folder / SUMS, _LARGEST_SUMS)
        except FileNotFoundError:
            return None
        except OddFile as error:
            raise ArtifactTampered(f"{error} The bundle {kind}/{key} can't be there.") from error

    def _artifact(self, kind: str, key: str, sums: bytes) -> Artifact:
        folder = self._folder(kind, key)
        text = sums.decode("ascii", errors="replace")
        files = {name: digest for digest, name in _LINE.findall(text) if _NAME.fullmatch(name)}
        if _sums(files) != sums:
            raise ArtifactTampered(f"{folder}: {SUMS} is damaged: it is not the sorted list that was frozen.")
        return Artifact(kind, key, folder.as_uri(), _sha256(sums), files)

    def is_frozen(self, kind: str, key: str, files: Mapping[str, bytes]) -> bool:
        """Whether a bundle is there; what is not there is not made.

        Raises:
            ArtifactFrozen: It is there with other content.
            ArtifactTampered: It is there, and not what was frozen.
        """
        if self._read_sums(kind, key) is None:
            return False
        stored = self.read(kind, key)
        differing = sorted(name for name in {*stored, *files} if stored.get(name) != files.get(name))
        if differing:
            raise ArtifactFrozen(
                f"{kind}/{key} is frozen with other content (differing: {', '.join(differing)}). "
                f"A frozen bundle is never rewritten: use another key."
            )
        return True


def _check_names(*names: str) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise InvalidArtifact(
                f"{one_line(ascii(name), 200)} can't be a kind, key or file name. Use up to 128 letters, digits, '.', "
                f"'_' and '-', and no dot at the start."
            )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sums(files: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items())).encode("ascii")


def _tampered(uri: str, name: str, expected: str, found: str) -> ArtifactTampered:
    return ArtifactTampered(
        f"{uri} is not what was frozen. {name}: expected {expected}, found {found}. "
        f"Don't use it; restore the file from a copy."
    )
