"""Frozen bundles of named files: models, datasets, anything that is named by its hash."""

from upath import UPath

from mlreg_dagster.core.untrusted.redaction import shown_url
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
from mlreg_dagster.storage.artifacts.local_store import LocalArtifactStore
from mlreg_dagster.storage.artifacts.remote_store import RemoteArtifactStore

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
        place = UPath(root).absolute()
        place.fs  # noqa: B018 - a missing package is reported now
        if "://" in str(root) and not place.protocol:
            raise ValueError("its beginning is no protocol")
    except (ValueError, ImportError) as error:
        raise ArtifactError(
            f"Artifacts can't be kept in {shown_url(str(root))}: {str(error).rstrip('.')}. Name a folder or a URL "
            f"that fsspec knows (s3://bucket/folder, gs://…, file:///…), and install the package that it needs."
        ) from error
    return LocalArtifactStore(place) if place.protocol in {"", "file", "local"} else RemoteArtifactStore(place)
