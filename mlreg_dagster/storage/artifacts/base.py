"""What a store of artifacts can do, wherever it keeps them; what an artifact holds is known to its writers alone.

Each kind of store passes the contract in `mlreg_dagster_tests/storage/artifacts/contract.py`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from upath import UPath

from mlreg_dagster.core.errors import MlregError, TransientError

SUMS = "SHA256SUMS"
"""The file of a bundle that lists the hashes of the others, as `sha256sum -c` reads them."""


class ArtifactError(MlregError):
    """Anything that is wrong with a bundle."""


class InvalidArtifact(ArtifactError):
    """A kind, key or file name that can't be stored, or a bundle without files."""


class ArtifactFrozen(ArtifactError):
    """The bundle exists, with other content."""


class ArtifactMissing(ArtifactError):
    """There is no such bundle."""


class ArtifactTampered(ArtifactError):
    """The bundle is not what was frozen, or something else lies in its place: a link, a pipe."""


class ArtifactStoreBusy(ArtifactError, TransientError):
    """Another process kept the store locked for too long."""


@dataclass(frozen=True)
class Artifact:
    """A frozen bundle.

    Attributes:
        kind: What it is: `models`, `training_dataset`, ….
        key: Which one: `v1`, `2017-12-19`, ….
        uri: Where it is.
        sha256: The hash of the whole bundle.
        files: File name to the file's hash.
    """

    kind: str
    key: str
    uri: str
    sha256: str
    files: dict[str, str]

    @property
    def sums(self) -> bytes:
        """The content of its `SHA256SUMS`."""
        return sums_of(self.files)


def sums_of(files: Mapping[str, str]) -> bytes:
    """The list whose hash is that of a bundle, as `sha256sum -c` reads it.

    Args:
        files: File name to the file's hash.
    """
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items())).encode("ascii")


class ArtifactStore(Protocol):
    """Frozen bundles of named files: models, datasets, anything that is named by its hash.

    A bundle is a folder `<root>/<kind>/<key>/` with a `SHA256SUMS` file; the hash of the bundle is the hash of that
    file. Bundles are written once and never rewritten.

    Attributes:
        root: The folder of all bundles.
        local: The same, where it is on the local disk; else None.
    """

    root: UPath
    local: Path | None

    def freeze(self, kind: str, key: str, files: Mapping[str, bytes]) -> Artifact:
        """Write a bundle, once; freezing the same content again changes nothing.

        Raises:
            InvalidArtifact: A name can't be stored, or there are no files.
            ArtifactFrozen: The bundle exists with other content.
            ArtifactTampered: The bundle exists, but is not what was frozen.
            ArtifactStoreBusy: Another process kept the store locked.
            StorageFull, StorageNotWritable: The bundle is not there, and no part of it.
        """
        ...

    def read(
        self, kind: str, key: str, sha256: str | None = None, names: Collection[str] | None = None
    ) -> dict[str, bytes]:
        """The files of a bundle, all of them verified; use these bytes, the files may change after.

        Args:
            kind: What it is.
            key: Which one.
            sha256: The hash that the bundle must have. Without it the files are compared with the bundle's own
                `SHA256SUMS` alone, which can be changed together with a file.
            names: Read, and verify, these of its files alone; one that it does not hold is left out. None: all.

        Raises:
            ArtifactMissing: There is no such bundle.
            ArtifactTampered: A file is changed, missing or too many, or the bundle has another hash.
        """
        ...

    def find(self, kind: str, key: str) -> Artifact | None:
        """What was frozen under a key, if anything; the files themselves are not verified.

        Raises:
            ArtifactTampered: Its `SHA256SUMS` is damaged.
        """
        ...

    def kinds(self) -> list[str]:
        """The kinds of bundles that may be there, in the order of text."""
        ...

    def keys(self, kind: str) -> list[str]:
        """The keys of all bundles of a kind, in the order of text."""
        ...
