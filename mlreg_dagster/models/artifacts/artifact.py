"""A model as bytes and back: the fitted pipelines, their graph and the manifest; no code from a file is run.

skops rebuilds objects from a description and refuses types it was not told to trust. The list of trusted
types stands here, in code, never in the file.
"""

import io
import json
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import skops.io
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from skops.io.exceptions import UntrustedTypesFoundException

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import NotAnHour, as_hour
from mlreg_dagster.core.version import __version__
from mlreg_dagster.market.features.provenance import require_settings
from mlreg_dagster.models.artifacts import canonical
from mlreg_dagster.models.artifacts.soundness import require_sound
from mlreg_dagster.models.detectors import anomaly_scores, own_space
from mlreg_dagster.models.local_density import crowded_rows
from mlreg_dagster.storage.artifacts import Artifact, ArtifactStore

if TYPE_CHECKING:
    from mlreg_dagster.models.scorers.onnx_scorer import GraphScorer

MODELS = "models"
TRUSTED_TYPES = frozenset(
    {
        "mlreg_dagster.models.detectors.RobustZScore",
        "numpy.dtype",
        "sklearn.tree._tree.Tree",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.metrics._dist_metrics.ChebyshevDistance64",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.metrics._dist_metrics.MinkowskiDistance64",
    }
)

_PIPELINE, _BASELINE, _MANIFEST, _GRAPH = "pipeline.skops", "baseline.skops", "manifest.json", "model.onnx"
_LARGEST_MODEL_BYTES = 4 << 30


class UntrustedModel(MlregError):
    """A model file that is no skops file, or asks for types that are not on the list; nothing of it was run."""


class NoGraph(MlregError):
    """A version without a portable graph."""


class FeatureMismatch(MlregError):
    """Rows whose features differ in name or order from those that the model was trained on."""


@dataclass(frozen=True)
class Model:
    """A loaded model.

    Attributes:
        pipeline: The fitted pipeline.
        baseline: The robust z-score fitted on the same rows, that the pipeline has to beat.
        manifest: How it was made; see `training.train`.
        graph: The pipeline and its threshold as an ONNX file, if there is one that labels alike.
    """

    pipeline: Pipeline
    baseline: Pipeline
    manifest: Mapping[str, Any]
    graph: bytes | None = None

    @property
    def features(self) -> list[str]:
        """The features it was trained on, in their order."""
        return list(self.manifest["features"])

    @property
    def threshold(self) -> float:
        """Scores above it are anomalies."""
        return float(self.manifest["threshold"])

    @property
    def training_end(self) -> pd.Timestamp:
        """The end of the window that it was trained on: from then on rows are new to it."""
        return as_hour(self.manifest["training_end"])

    @property
    def scores_from(self) -> pd.Timestamp:
        """The first hour that the model may be judged by: the end of its dataset."""
        return as_hour(self.manifest["scores_from"])

    @property
    def remarks(self) -> list[str]:
        """What those who use its scores should know: other libraries, rows beside which scores have no bound."""
        version, said = self.manifest["version"], []
        if other := other_libraries(self.manifest):
            said.append(
                f"{version} was trained with other libraries than those that score now, so its scores may differ: "
                f"{', '.join(other)}. mlreg retrain --verify {version} compares them; or train a new version."
            )
        if crowded := crowded_rows(self.pipeline[-1]):
            said.append(
                f"{version} takes {crowded} of its {self.manifest['training_rows']} training rows for endlessly dense, "
                f"as more identical rows than it has neighbours lie there: its scores beside them mean nothing. Train "
                f"a new version, which counts identical rows once."
            )
        return said

    def select(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The model's features out of rows that hold more: keys, prices, features it does not use.

        A feature that is missing stays missing, so that `score` refuses the rows.

        Raises:
            OtherFeatureSettings: The rows were computed with other settings than those that the model learned from,
                so that equal names have other values.
        """
        version = self.manifest["version"]
        remedy = (
            f"{version} can't judge them. Train a new version on a dataset of such rows, or give features.yaml back "
            f"its values and materialize market_features for those hours again."
        )
        require_settings(rows, self.manifest["feature_settings"], f"the manifest of {version}", remedy)
        return rows[[name for name in self.features if name in rows.columns]]

    def score(self, features: pd.DataFrame) -> NDArray[np.float64]:
        """Anomaly scores of rows of features, higher = more anomalous.

        Args:
            features: Exactly the model's features, in its order; keys (hour, instrument) don't belong here.

        Raises:
            FeatureMismatch: The columns differ in name or order.
        """
        return anomaly_scores(self.pipeline, self._matrix(features))

    def baseline_score(self, features: pd.DataFrame) -> NDArray[np.float64]:
        """Anomaly scores by the baseline."""
        return anomaly_scores(self.baseline, self._matrix(features))

    def graph_scorer(self) -> "GraphScorer":
        """The portable graph, looked at and ready to score.

        Raises:
            NoGraph: The version has none.
            UntrustedGraph: It is damaged, or does what no graph of a model needs to.
        """
        from mlreg_dagster.models.scorers import onnx_scorer

        version = self.manifest["version"]
        if self.graph is None:
            raise NoGraph(
                f"{version} has no {_GRAPH}: {self.manifest.get('graph', 'it was frozen before there were graphs')}. "
                f"Score with its pipeline."
            )
        return onnx_scorer.load(self.graph, version)

    def transform(self, features: pd.DataFrame) -> NDArray[np.float64]:
        """Rows as the detector sees them."""
        return own_space(self.pipeline, self._matrix(features))

    def _matrix(self, features: pd.DataFrame) -> NDArray[np.float64]:
        found = list(features.columns)
        if found != self.features:
            missing = [name for name in self.features if name not in found]
            unknown = [name for name in found if name not in self.features]
            raise FeatureMismatch(
                f"{self.manifest['version']} was trained on {len(self.features)} features; these rows differ: missing "
                f"{missing or 'none'}, unknown {unknown or 'none'}{'' if missing or unknown else ', order differs'}. "
                f"Compute the features with the settings in the model's manifest, or train a new version."
            )
        return features.to_numpy(dtype=np.float64)


def save(store: ArtifactStore, version: str, model: Model) -> Artifact:
    """Freeze a model under its version.

    Raises:
        UntrustedModel: It could be written, but not loaded again; nothing was written.
        ArtifactFrozen: The version is frozen with other content.
    """
    files: dict[str, bytes] = {
        name: canonical.to_bytes(pipeline)
        for name, pipeline in ((_PIPELINE, model.pipeline), (_BASELINE, model.baseline))
    }
    for content in files.values():
        _load_pipeline(content, version)
    if model.graph is not None:
        files[_GRAPH] = model.graph
    files[_MANIFEST] = json.dumps(dict(model.manifest), indent=1, sort_keys=True).encode()
    return store.freeze(MODELS, version, files)


def load(store: ArtifactStore, version: str, sha256: str) -> Model:
    """Read a model whose hash the registry vouches for.

    Args:
        store: Where the bundles are.
        version: Which one.
        sha256: The hash in the registry.

    Raises:
        ArtifactMissing, ArtifactTampered: It is not there, or its bytes are not those that were registered.
        UntrustedModel: It is no skops file of a pipeline, or asks for types that are not on the list.
    """
    files = store.read(MODELS, version, sha256)
    if missing := sorted({_PIPELINE, _BASELINE, _MANIFEST} - files.keys()):
        raise UntrustedModel(f"{version} lacks {', '.join(missing)}; it is no model. Nothing of it was run.")
    manifest = _read_manifest(files[_MANIFEST], version)
    pipeline, baseline = (_load_pipeline(files[name], version) for name in (_PIPELINE, _BASELINE))
    return Model(pipeline, baseline, manifest, files.get(_GRAPH))


def size(store: ArtifactStore, version: str, sha256: str) -> int:
    """Bytes of a version's bundle.

    Raises:
        ArtifactMissing, ArtifactTampered: It is not there, or its bytes are not those that were registered.
    """
    return sum(len(content) for content in store.read(MODELS, version, sha256).values())


def library_versions() -> dict[str, str]:
    """What a version was trained with, for its manifest; none of the libraries is loaded to find out."""
    named = {name: installed_version(name) for name in ("numpy", "onnx", "pandas", "scikit-learn", "skops")}
    return {"mlreg_dagster": __version__, "python": platform.python_version(), **named}


def other_libraries(manifest: Mapping[str, Any]) -> list[str]:
    """The libraries whose version is another one than a version was trained with, as `name then → now`."""
    then, now = manifest.get("libraries") or {}, library_versions()
    return [
        f"{name} {then[name]} → {now[name]}"
        for name in now
        if name != "mlreg_dagster" and then.get(name, now[name]) != now[name]
    ]


def _read_manifest(content: bytes, version: str) -> Mapping[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(content)
        ready = Model(None, None, manifest)
        names = all(isinstance(name, str) for name in ready.features)
        if not names or not math.isfinite(ready.threshold) or ready.training_end > ready.scores_from:
            raise ValueError("features, threshold or its times")
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, NotAnHour) as error:
        raise UntrustedModel(f"{version} has no manifest of a model ({error}); nothing of it was run.") from error
    return manifest


@lru_cache(maxsize=8)  # a replay loads its champion again and again; the key is the very bytes
def _load_pipeline(content: bytes, version: str) -> Pipeline:
    try:
        with ZipFile(io.BytesIO(content)) as members:
            size = sum(member.file_size for member in members.infolist())
        if size > _LARGEST_MODEL_BYTES:
            raise ValueError(f"unpacked it would take {size:,} bytes")
        loaded = skops.io.loads(content, trusted=sorted(TRUSTED_TYPES))
        if isinstance(loaded, Pipeline):
            require_sound(loaded)
    except UntrustedTypesFoundException as error:
        untrusted = sorted(set(skops.io.get_untrusted_types(data=content)) - TRUSTED_TYPES)
        raise UntrustedModel(
            f"{version} asks for types that are not trusted: {', '.join(untrusted)}. Nothing of it was run. Use "
            f"parameters that need no such type, or, if you trust it, add it to TRUSTED_TYPES in "
            f"mlreg_dagster/models/artifact.py."
        ) from error
    except Exception as error:  # in a file that somebody changed anything may be wrong
        raise UntrustedModel(
            f"{version} can't be read as a skops file ({error}); it is damaged, and nothing of it was run."
        ) from error
    if not isinstance(loaded, Pipeline):
        raise UntrustedModel(f"{version} holds a {type(loaded).__name__} where a pipeline belongs; it is no model.")
    return loaded
