"""Verifies the frozen bundles that a version is made of, and gives the reason where one can't be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.changes import ChangedHours, changed_hours
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import MODELS, Model
from mlreg_dagster.registry import Evaluation, ModelVersion
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Frozen:
    """A bundle of the artifact store, as it is now.

    Attributes:
        kind: What it is.
        key: Which one.
        sha256: The hash that it should have.
        files: Hash of each file; empty where the bundle can't be used.
        size: Bytes of all files.
        lineage: What went in, of a dataset.
        problem: Why it can't be used; None if it can.
        changes: Which hours of a dataset the tables hold differently now; None where they were not compared.
    """

    kind: str
    key: str
    sha256: str
    files: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    lineage: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None
    changes: ChangedHours | None = None


def frozen(store: ArtifactStore, kind: str, key: str, sha256: str, problem: str | None = None) -> Frozen:
    """A bundle as it is now; `problem`: one that is known already."""
    try:
        contents = store.read(kind, key, sha256)
        lineage = {} if kind == MODELS else freezing.load(store, kind, key, sha256).lineage
    except MlregError as error:  # the failure is the finding
        return Frozen(kind, key, sha256, problem=str(error))
    found = store.find(kind, key)
    size = sum(len(content) for content in contents.values())
    return Frozen(kind, key, sha256, found.files if found else {}, size, lineage, problem)


def holdout_of(store: ArtifactStore, version: ModelVersion, evaluation: Evaluation) -> Frozen:
    """The holdout whose hash the evaluation names: that of the version's dataset, or of another day."""
    for day in (version.dataset_day, *store.keys(freezing.HOLDOUT)):
        found = frozen(store, freezing.HOLDOUT, day, evaluation.holdout_sha256)
        if found.problem is None:
            return found
    return frozen(store, freezing.HOLDOUT, version.dataset_day, evaluation.holdout_sha256)


def datasets_behind(
    version: ModelVersion, evaluation: Evaluation | None, store: ArtifactStore, tables: Warehouse
) -> list[Frozen]:
    """What a version was trained on, then the holdout of an evaluation, each with what changed in its hours."""
    parts = [frozen(store, freezing.TRAINING, version.dataset_day, version.dataset_sha256)]
    if evaluation is not None:
        parts.append(holdout_of(store, version, evaluation))
    return [
        part if part.problem else replace(part, changes=changed_hours(store, tables, part.kind, part.key, part.sha256))
        for part in parts
    ]


def loaded(version: ModelVersion, store: ArtifactStore) -> tuple[Model | None, str | None]:
    """The model, or why it can't be loaded."""
    try:
        return artifact.load(store, version.version, version.artifact_sha256), None
    except MlregError as error:
        return None, str(error)
