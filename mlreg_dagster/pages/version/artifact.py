"""Whether the bytes of a version are those of the registry, as far as that can be told while a page is waited for."""

from dataclasses import dataclass
from typing import Literal

from mlreg_dagster.models.artifacts.files import MODELS
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.storage.artifacts import ArtifactError, ArtifactStore

_LARGEST = 64_000_000
"""Bytes that are hashed while a page is waited for: about 0.1 s."""


@dataclass(frozen=True)
class ArtifactFacts:
    """The artifact of a version.

    Attributes:
        sha256: The hash on record.
        state: `intact`: every byte was hashed. `listed`: its list of hashes is that on record; the files themselves
            were not hashed. `tampered`, `missing`: see `sentence`.
        sentence: What was looked at, and what was found.
        size: Bytes of all files; None where they were not read.
        files: Hash of each file, by its list.
    """

    sha256: str
    state: Literal["intact", "listed", "tampered", "missing"]
    sentence: str
    size: int | None
    files: dict[str, str]


def look_at(version: ModelVersion, store: ArtifactStore) -> ArtifactFacts:
    """Hold an artifact against the registry.

    Args:
        version: Whose.
        store: Where it is.
    """
    name, sha256 = version.version, version.artifact_sha256
    try:
        found = store.find(MODELS, name)
        if found is None:
            return ArtifactFacts(sha256, "missing", f"There is no artifact of {name} in the store.", None, {})
        if found.sha256 != sha256:
            text = f"TAMPERED: the artifact in the store has the hash {found.sha256}, not that on record."
            return ArtifactFacts(sha256, "tampered", text, None, found.files)
        if not _is_small(store, name):
            text = "Its list of hashes is that on record. The files were not hashed for this page: mlreg bundle does."
            return ArtifactFacts(sha256, "listed", text, None, found.files)
        size = sum(map(len, store.read(MODELS, name, sha256).values()))
    except ArtifactError as error:
        return ArtifactFacts(sha256, "tampered", f"TAMPERED: {error}", None, {})
    text = "Every file was hashed for this page, and has the hash on record."
    return ArtifactFacts(sha256, "intact", text, size, found.files)


def _is_small(store: ArtifactStore, version: str) -> bool:
    """Whether the files lie on this machine, and are few bytes."""
    if store.local is None:
        return False
    return sum(file.stat().st_size for file in (store.local / MODELS / version).iterdir()) <= _LARGEST
