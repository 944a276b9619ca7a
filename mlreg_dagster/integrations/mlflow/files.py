"""The model of a version as MLflow keeps one: code that opens the frozen bundle beside it, and no pickle."""

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlreg_dagster.core.version import __version__
from mlreg_dagster.integrations.mlflow.content import MODEL
from mlreg_dagster.models.artifacts.files import MANIFEST, MODELS
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.storage.artifacts import ArtifactStore, open_artifacts

STORE = "store"
"""The artifact of the model that holds the bundle, laid out as in our own store."""

_CODE = '''"""Scores by the frozen bundle beside it, once its hash is that of the registry."""

from mlflow.models import set_model

from mlreg_dagster.integrations.mlflow.scoring import FrozenVersion

set_model(FrozenVersion())
'''
_LIBRARIES = ("numpy", "onnx", "pandas", "scikit-learn", "skops")


def build(folder: Path, store: ArtifactStore, version: ModelVersion) -> Path:
    """Write the model of a version; the same release of everything writes the same bytes.

    Args:
        folder: An empty one.
        store: Where the bundle is.
        version: Which one.

    Returns:
        The folder of the model.

    Raises:
        ArtifactMissing, ArtifactTampered: The bundle is not there, or is not what was registered.
    """
    import json

    from mlflow.models import Model, ModelSignature
    from mlflow.pyfunc import FLAVOR_NAME
    from mlflow.types import ColSpec, Schema

    contents = store.read(MODELS, version.version, version.artifact_sha256)
    open_artifacts(str(folder / STORE)).freeze(MODELS, version.version, contents)
    (folder / STORE / ".lock").unlink(missing_ok=True)
    code = folder / "model.py"
    code.write_text(_CODE, encoding="utf-8")
    features = json.loads(contents[MANIFEST])["features"]
    made = folder / MODEL
    _save(
        path=str(made),
        python_model=str(code),
        artifacts={STORE: str(folder / STORE)},
        model_config={"version": version.version, "artifact_sha256": version.artifact_sha256},
        signature=ModelSignature(
            inputs=Schema([ColSpec("double", name) for name in features]),  # of which each value may be NaN
            outputs=Schema([ColSpec("double", "score"), ColSpec("boolean", "is_anomaly")]),
        ),
        pip_requirements=requirements(version.manifest),
        mlflow_model=Model(
            model_uuid=version.artifact_sha256[:32],
            utc_time_created=version.created_at.replace(tzinfo=None),
        ),
    )
    described = Model.load(str(made))
    flavor = described.flavors[FLAVOR_NAME]  # which names folders of the machine that wrote it
    flavor["model_code_path"] = code.name
    flavor["artifacts"][STORE]["uri"] = flavor["artifacts"][STORE]["path"]
    described.save(str(made / "MLmodel"))
    return made


def _save(**what: Any) -> None:
    """Save without MLflow's advice to add type hints and an example: the signature says all there is."""
    from mlflow.pyfunc import save_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_model(**what)


def requirements(manifest: Mapping[str, Any]) -> list[str]:
    """This release, and the libraries that the version was trained with, as it scores the same by those alone."""
    known = manifest.get("libraries") or {}
    pinned = [f"{name}=={known[name]}" for name in _LIBRARIES if name in known]
    return [f"mlreg-dagster[mlflow]=={__version__}", *pinned]


def sums(folder: Path) -> dict[str, str]:
    """The hash of each file in a folder, by its path in there."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def hash_of(files: Mapping[str, str]) -> str:
    """One hash over the hashes of files."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
