"""Frozen bundles of named files: models, datasets, anything that is named by its hash."""

from pathlib import Path

from upath import UPath

from mlreg_dagster.storage.artifacts.base import (
    SUMS,
    Artifact,
    ArtifactError,
    ArtifactFrozen,
    ArtifactMissing,
    ArtifactStore,
    ArtifactStoreBusy,
    ArtifactTampered,
    InvalidArtifact,
)
from mlreg_dagster.storage.artifacts.borrowing_store import BorrowingArtifactStore, lender_of
from mlreg_dagster.storage.artifacts.bundles import Bundles
from mlreg_dagster.storage.artifacts.local_store import LocalArtifactStore
from mlreg_dagster.storage.artifacts.remote_store import RemoteArtifactStore
from mlreg_dagster.storage.folders import UnknownPlace, is_local, open_folder

__all__ = [
    "SUMS",
    "Artifact",
    "ArtifactError",
    "ArtifactFrozen",
    "ArtifactMissing",
    "ArtifactStore",
    "ArtifactStoreBusy",
    "ArtifactTampered",
    "InvalidArtifact",
    "LocalArtifactStore",
    "RemoteArtifactStore",
    "open_artifacts",
]


def open_artifacts(root: UPath | str) -> ArtifactStore:
    """The store under a folder, on the local disk or on anything that fsspec knows; nothing is made yet.

    Raises:
        ArtifactError: It names no kind of store that is known here, or one whose package is not installed.
    """
    try:
        place = open_folder(root)
    except UnknownPlace as error:
        raise ArtifactError(f"Artifacts can't be kept in {error}") from error
    if not is_local(place):
        return RemoteArtifactStore(place)
    lender = lender_of(Path(place.path))
    return LocalArtifactStore(place) if lender is None else BorrowingArtifactStore(place, _lender(lender))


def _lender(root: str) -> Bundles:
    """The store that another one reads from, without those that it reads from itself."""
    place = open_folder(root)
    return LocalArtifactStore(place) if is_local(place) else RemoteArtifactStore(place)
