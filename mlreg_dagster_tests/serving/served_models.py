"""Models as the server loads them: frozen in a store, and read from it by their hash."""

from datetime import UTC, datetime

from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.serving.scoring import model as scoring
from mlreg_dagster.serving.scoring.model import ServedModel
from mlreg_dagster.storage.artifacts import ArtifactStore

WALK_FROM_ROWS = 16


def frozen(store: ArtifactStore, model: Model) -> ModelVersion:
    """The model's bundle as the registry would have it."""
    version = str(model.manifest["version"])
    saved = artifact.save(store, version, model)
    return registered(version, saved.sha256)


def registered(version: str, sha256: str) -> ModelVersion:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    return ModelVersion(version, when, "tester", None, "any", "2026-01-01", "0" * 64, sha256, {})


def served(store: ArtifactStore, model: Model, walk_from_rows: int = WALK_FROM_ROWS) -> ServedModel:
    return scoring.load(store, frozen(store, model), walk_from_rows)
