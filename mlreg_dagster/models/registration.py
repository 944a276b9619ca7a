"""Registers a trained model: freezes the bytes, then writes the record.

A crash between the two leaves bytes that no record names. The same training gives the same bytes, so running it again
finds its own and registers them. Any other bytes that lie there were not trained by this run and are refused.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.manifests import CODE
from mlreg_dagster.registry import Attribution, ModelVersion, Registry, VersionExists, version_number
from mlreg_dagster.storage.artifacts import Artifact, ArtifactFrozen, ArtifactStore

MAY_CHANGE = ("libraries", CODE)
"""Of a manifest, what may be otherwise when the same training is done again."""


def next_version(registry: Registry, store: ArtifactStore, partition_keys: list[str]) -> str:
    """A name that no record, no bundle and no partition uses, and none that a restore from a copy has lost."""
    return registry.next_version([*store.keys(artifact.MODELS), *partition_keys, *registry.lost_versions()])


def take_versions(
    number: int,
    registry: Registry,
    store: ArtifactStore,
    taken: Callable[[], Iterable[str]],
    note: Callable[[list[str]], object],
) -> list[str]:
    """The next names of versions, which no other process takes: one looks and notes after the other, on all hosts.

    Args:
        number: How many.
        registry: Whose write lock is held meanwhile.
        store: Where bundles are.
        taken: Looks up the names that have a partition, or are given away elsewhere.
        note: Gives the new names a partition, so that the next one finds them taken.
    """
    if not number:
        return []
    with registry.alone():
        first = version_number(next_version(registry, store, list(taken())))
        names = [f"v{first + position}" for position in range(number)]
        note(names)
    return names


def register(model: Model, store: ArtifactStore, registry: Registry, by: Attribution) -> ModelVersion:
    """Freeze a model and record it. Registering the same training again changes nothing.

    Raises:
        VersionExists: The version was trained in another way, or other bytes lie under its name.
        ArtifactMissing, ArtifactTampered: The version is registered, and its bytes are not those of its record.
    """
    manifest = dict(model.manifest)
    version = manifest["version"]
    for known in registry.versions():
        if known.version == version:
            return _the_same(known, manifest, store)
    frozen = _freeze(store, version, model)
    try:
        return registry.register(
            version,
            by,
            detector=manifest["settings"]["detector"],
            dataset_day=manifest["dataset_day"],
            dataset_sha256=manifest["dataset_sha256"],
            artifact_sha256=frozen.sha256,
            manifest=manifest,
        )
    except VersionExists:  # another process registered it in between
        registered = registry.version(version)
        if registered.artifact_sha256 != frozen.sha256:
            raise
        return registered


def _the_same(known: ModelVersion, manifest: Mapping[str, Any], store: ArtifactStore) -> ModelVersion:
    """The record of a version that was trained in just this way; only libraries and code may be others by now."""
    stored = known.manifest
    differing = sorted(
        key for key in manifest.keys() | stored.keys() if key not in MAY_CHANGE and manifest.get(key) != stored.get(key)
    )
    if differing:
        raise VersionExists(
            f"{known.version} was trained in another way (differing: {', '.join(differing)}), and a version is never "
            f"trained again in place. Train under a new version: mlreg train."
        )
    store.read(artifact.MODELS, known.version, known.artifact_sha256)
    return known


def _freeze(store: ArtifactStore, version: str, model: Model) -> Artifact:
    try:
        return artifact.save(store, version, model)
    except ArtifactFrozen as error:
        raise VersionExists(
            f"{error} No record names what lies there, and this run did not train it, so it is not registered. Train "
            f"under a new version: mlreg train. mlreg doctor shows how to remove the other bundle."
        ) from error
