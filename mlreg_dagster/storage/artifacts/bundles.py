"""What all stores share: the names, sums and verification of bundles. Where the files are is known to each store."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from upath import UPath

from mlreg_dagster.core.untrusted.text import one_line, visible
from mlreg_dagster.storage.artifacts.base import (
    SUMS,
    Artifact,
    ArtifactFrozen,
    ArtifactMissing,
    ArtifactTampered,
    InvalidArtifact,
    sums_of,
)
from mlreg_dagster.storage.faults import explained

NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,128}")
"""Of kinds, keys and files: no path separators; the leading dot is for the store itself."""
LARGEST_FILE, LARGEST_SUMS = 8 << 30, 1 << 20
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
    def _read_sums(self, kind: str, key: str) -> bytes | None:
        """The sums of a bundle; None: there is no bundle.

        Raises:
            ArtifactTampered: Something else lies in their place.
        """

    @abstractmethod
    def _listed(self, artifact: Artifact) -> Mapping[str, str]:
        """What lies where the files of a bundle are: names, and where each is."""

    @abstractmethod
    def _contents(self, artifact: Artifact, files: Mapping[str, str]) -> Iterable[tuple[str, bytes | None]]:
        """Files of a bundle as they are now, by what `_listed` gave; None for one that is not there any more.

        Raises:
            ArtifactTampered: Something else lies in the place of one.
        """

    @abstractmethod
    def kinds(self) -> list[str]:
        """The kinds of bundles that may be there, in the order of text."""

    @abstractmethod
    def keys(self, kind: str) -> list[str]:
        """The keys of all bundles of a kind, in the order of text."""

    def _alone(self) -> AbstractContextManager[None]:
        """Keep other writers out, where the store can."""
        return nullcontext()

    def _explained(self, place: str) -> AbstractContextManager[None]:
        """Turn faults of the store into errors for users."""
        return explained(place)

    def freeze(self, kind: str, key: str, files: Mapping[str, bytes]) -> Artifact:
        """Write a bundle, once; freezing the same content again changes nothing."""
        check_names(kind, key, *files)
        if not files or SUMS in files:
            raise InvalidArtifact(f"The bundle {kind}/{key} needs files, none of them called {SUMS}.")
        sums = sums_of({name: _sha256(content) for name, content in files.items()})
        with self._explained(f"{self.root}/{kind}/{key}"), self._alone():
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
        listed = self._listed(artifact)
        for found in listed.keys() - {*artifact.files, SUMS}:
            raise _tampered(artifact.uri, visible(found, 200), "nothing", "something that was not frozen")
        wanted = [name for name in artifact.files if names is None or name in names]
        contents = dict(self._contents(artifact, {name: listed[name] for name in wanted if name in listed}))
        verified = {}
        for name in wanted:
            content, expected = contents.get(name), artifact.files[name]
            digest = "no such file" if content is None else _sha256(content)
            if content is None or digest != expected:
                raise _tampered(artifact.uri, name, expected, digest)
            verified[name] = content
        return verified

    def find(self, kind: str, key: str) -> Artifact | None:
        """What was frozen under a key, if anything; the files themselves are not verified."""
        sums = self._read_sums(kind, key)
        return None if sums is None else self._artifact(kind, key, sums)

    def _folder(self, kind: str, key: str) -> UPath:
        check_names(kind, key)
        return self.root / kind / key

    def _artifact(self, kind: str, key: str, sums: bytes) -> Artifact:
        folder = self._folder(kind, key)
        text = sums.decode("ascii", errors="replace")
        files = {name: digest for digest, name in _LINE.findall(text) if NAME.fullmatch(name)}
        if sums_of(files) != sums:
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


def check_names(*names: str) -> None:
    """Refuse what can't be a kind, key or file name.

    Raises:
        InvalidArtifact: One can't.
    """
    for name in names:
        if not NAME.fullmatch(name):
            raise InvalidArtifact(
                f"{one_line(ascii(name), 200)} can't be a kind, key or file name. Use up to 128 letters, digits, '.', "
                f"'_' and '-', and no dot at the start."
            )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _tampered(uri: str, name: str, expected: str, found: str) -> ArtifactTampered:
    return ArtifactTampered(
        f"{uri} is not what was frozen. {name}: expected {expected}, found {found}. "
        f"Don't use it; restore the file from a copy."
    )
