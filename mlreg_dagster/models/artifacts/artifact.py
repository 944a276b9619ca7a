"""A model as bytes and back: the fitted pipelines, their graph and the manifest. What a file may hold is in `trust`."""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import NotAnHour, as_hour, hours_since_epoch
from mlreg_dagster.core.version import __version__
from mlreg_dagster.market.features.provenance import require_settings
from mlreg_dagster.models import flagging
from mlreg_dagster.models.artifacts import canonical, sbom
from mlreg_dagster.models.artifacts.files import GRAPH, MANIFEST
from mlreg_dagster.models.artifacts.files import MODELS as MODELS
from mlreg_dagster.models.artifacts.trust import UntrustedModel, load_pipeline, plugin_record, trusted_types
from mlreg_dagster.models.detectors.ensemble import detectors_in
from mlreg_dagster.models.detectors.local_density import crowded_rows
from mlreg_dagster.models.detectors.scoring import anomaly_scores, own_space
from mlreg_dagster.models.manifests import flagging_in, require_readable, start_up_in
from mlreg_dagster.storage.artifacts import Artifact, ArtifactStore

if TYPE_CHECKING:
    from mlreg_dagster.models.scorers.onnx_scorer import GraphScorer

_PIPELINE, _BASELINE = "pipeline.skops", "baseline.skops"


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
        """The frozen threshold: of in-sample hours, and of every hour by the policy `frozen`."""
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
        version, remarks = self.manifest["version"], []
        if other := other_libraries(self.manifest):
            remarks.append(
                f"{version} was trained with other libraries than those that score now, so its scores may differ: "
                f"{', '.join(other)}. mlreg retrain --verify {version} compares them; or train a new version."
            )
        if crowded := sum(crowded_rows(each) for each in detectors_in(self.pipeline[-1])):
            remarks.append(
                f"{version} takes {crowded} of its {self.manifest['training_rows']} training rows for endlessly dense, "
                f"as more identical rows than it has neighbours lie there: its scores beside them mean nothing. Train "
                f"a new version, which counts identical rows once."
            )
        return remarks

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
                f"{version} has no {GRAPH}: {self.manifest.get('graph', 'it was frozen before there were graphs')}. "
                f"Score with its pipeline."
            )
        return onnx_scorer.load(self.graph, version)

    def thresholds(self, hours: "pd.Series[Any]", scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The threshold of each row by the version's flag policy, hour by hour, as if its scoring began with these.

        Args:
            hours: The hour of each row.
            scores: The score of each row; it is flagged where its score is above its threshold.
        """
        policy, start = flagging_in(self.manifest), start_up_in(self.manifest)
        return flagging.thresholds(policy, hours_since_epoch(hours), scores, frozen=self.threshold, start=start)

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
    """Freeze a model under its version, with a bill of the software that this process sees.

    Raises:
        UntrustedModel: It could be written, but not loaded again; nothing was written.
        ArtifactFrozen: The version is frozen with other content.
    """
    files = files_of(version, model)
    _load_pipelines(files, model.manifest, version)
    return store.freeze(MODELS, version, files)


def files_of(version: str, model: Model) -> dict[str, bytes]:
    """The files of a bundle, by name: what `save` would freeze under a version."""
    files: dict[str, bytes] = {
        name: canonical.to_bytes(pipeline)
        for name, pipeline in ((_PIPELINE, model.pipeline), (_BASELINE, model.baseline))
    }
    if model.graph is not None:
        files[GRAPH] = model.graph
    files[MANIFEST] = json.dumps(dict(model.manifest), indent=1, sort_keys=True).encode()
    files[sbom.SBOM] = sbom.of_environment(version)
    return files


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
    if missing := sorted({_PIPELINE, _BASELINE, MANIFEST} - files.keys()):
        raise UntrustedModel(f"{version} lacks {', '.join(missing)}; it is no model. Nothing of it was run.")
    manifest = _read_manifest(files[MANIFEST], version)
    return Model(*_load_pipelines(files, manifest, version), manifest, files.get(GRAPH))


def open_afresh(files: Mapping[str, bytes], version: str) -> tuple[Pipeline, Pipeline]:
    """The two pipelines of a bundle, opened as by a process that has never seen them.

    Raises:
        UntrustedModel: They are no skops files of pipelines, or ask for types that are not on the list.
    """
    detector = str(_read_manifest(files[MANIFEST], version)["settings"]["detector"])
    load = load_pipeline.__wrapped__  # past what the process keeps
    return load(files[_PIPELINE], version, trusted_types(detector, version)), load(files[_BASELINE], version)


def _load_pipelines(files: Mapping[str, bytes], manifest: Mapping[str, Any], version: str) -> tuple[Pipeline, Pipeline]:
    detector = str(manifest["settings"]["detector"])
    pipeline = load_pipeline(files[_PIPELINE], version, trusted_types(detector, version))
    if getattr(pipeline[-1], "name", detector) != detector:
        raise UntrustedModel(f"{version} is a model of {pipeline[-1].name}, but its manifest names {detector}.")
    return pipeline, load_pipeline(files[_BASELINE], version)


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
    then, now = dict(manifest.get("libraries") or {}), library_versions()
    if plugin := manifest.get("plugin"):
        then[plugin["name"]] = plugin["version"]
        now |= {each["name"]: each["version"] for each in [plugin_record(manifest["settings"]["detector"])] if each}
    return [
        f"{name} {then[name]} → {now[name]}"
        for name in now
        if name != "mlreg_dagster" and then.get(name, now[name]) != now[name]
    ]


def _read_manifest(content: bytes, version: str) -> Mapping[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(content)
        ready = Model(None, None, manifest)
        require_readable(manifest)
        if ready.training_end > ready.scores_from:
            raise ValueError("its times")
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, NotAnHour) as error:
        raise UntrustedModel(f"{version} has no manifest of a model ({error}); nothing of it was run.") from error
    return manifest
