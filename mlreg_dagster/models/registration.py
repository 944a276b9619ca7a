"""From a trained model to a registered version: freeze the bytes, then write the record.

A crash between the two leaves bytes that nobody registered. The next attempt with the same manifest takes
them over; another one is told to use the next free version.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mlreg_dagster.models import artifact
from mlreg_dagster.models.artifact import Model
from mlreg_dagster.storage.artifacts import Artifact, ArtifactStore
from mlreg_dagster.storage.registry import ModelVersion, Registry, VersionExists


def next_version(registry: Registry, store: ArtifactStore, partition_keys: list[str]) -> str:
    """A name that no record, no bundle and no partition uses."""
    return registry.next_version([*store.keys(artifact.MODELS), *partition_keys])


def register(
    model: Model,
    store: ArtifactStore,
    registry: Registry,
    *,
    now: pd.Timestamp,
    actor: str,
    run_id: str | None,
) -> ModelVersion:
    """Freeze a model and record it. Registering the same training again changes nothing.

    Raises:
        VersionExists: The version was trained in another way; it is never trained again in place.
    """
    manifest = dict(model.manifest)
    version = manifest["version"]
    frozen = _adopt(store, version, manifest) or artifact.save(store, version, model)
    try:
        return registry.register(
            version=version,
            created_at=now,
            created_by=actor,
            run_id=run_id,
            detector=manifest["settings"]["detector"],
            dataset_day=manifest["dataset_day"],
            dataset_sha256=manifest["dataset_sha256"],
            artifact_sha256=frozen.sha256,
            manifest=manifest,
        )
    except VersionExists:
        registered = registry.version(version)
        if registered.artifact_sha256 != frozen.sha256:
            raise
        return registered


def _adopt(store: ArtifactStore, version: str, manifest: Mapping[str, Any]) -> Artifact | None:
    frozen = store.find(artifact.MODELS, version)
    if frozen is None:
        return None
    stored = artifact.load(store, version, frozen.sha256).manifest
    differing = sorted(
        key for key in manifest.keys() | stored.keys() if key != "libraries" and manifest.get(key) != stored.get(key)
    )
    if differing:
        raise VersionExists(
            f"{version} was trained in another way (differing: {', '.join(differing)}), and a version is never trained "
            f"again in place. Train under a new version: mlreg train."
        )
    return frozen
