"""A registered version that scores rows; it is verified before any of its bytes is used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlreg_dagster.registry import ModelVersion

if TYPE_CHECKING:
    import pandas as pd

    from mlreg_dagster.models.artifacts.artifact import Model


@dataclass(frozen=True)
class LoadedModel:
    """A version that is ready to score.

    Attributes:
        version: `v1`, `v2`, ….
        sha256: The hash of its bundle, as the registry has it.
        manifest: How it was trained: settings, features, dataset, threshold, libraries.
    """

    version: str
    sha256: str
    manifest: Mapping[str, Any]
    _model: "Model" = field(repr=False)

    @property
    def features(self) -> list[str]:
        """The features that it was trained on, in their order."""
        return self._model.features

    @property
    def threshold(self) -> float:
        """The frozen threshold, that of the training rows. By its flag policy an hour of predictions has its own."""
        return self._model.threshold

    @property
    def remarks(self) -> list[str]:
        """Remarks for users of its scores, for example that it was trained with other libraries than these."""
        return self._model.remarks

    def score(self, frame: "pd.DataFrame") -> "pd.Series":
        """The anomaly score of each row; higher is more anomalous.

        Args:
            frame: Rows of `market_features`, as `Client.features` gives them; or exactly the model's features, in
                their order.

        Returns:
            One score for each row, on the index of `frame`.

        Raises:
            FeatureMismatch: The features differ in name or order from those that it was trained on.
            OtherFeatureSettings: The rows were computed with other settings than it learned from.

        >>> from mlreg_dagster import Client
        >>> client = Client()
        >>> model = client.load_model("v1")
        >>> rows = client.features("2026-01-05T00:00", "2026-01-05T11:00")
        >>> said = client.predictions("2026-01-05T00:00", "2026-01-05T11:00", version="v1")
        >>> bool((model.score(rows) == said["score"]).all())
        True
        """
        import pandas as pd

        from mlreg_dagster.market.features.provenance import FEATURE_SETTINGS

        features = self._model.select(frame) if FEATURE_SETTINGS in frame.columns else frame
        return pd.Series(self._model.score(features), index=frame.index, name="score")

    def flag(self, frame: "pd.DataFrame") -> "pd.Series":
        """Whether the score of each row is above the frozen threshold.

        What a version flagged in an hour depends on its scores of the days before (see `flagging` of model.yaml) and
        is on record: the threshold is in `Client.predictions`.

        Args:
            frame: As for `score`.

        >>> from mlreg_dagster import Client
        >>> client = Client()
        >>> model, rows = client.load_model("v1"), client.features("2026-01-05T00:00", "2026-01-05T11:00")
        >>> bool((model.flag(rows) == (model.score(rows) > model.threshold)).all())
        True
        >>> said = client.predictions(version="v1")
        >>> bool(((model.score(rows) > said["threshold"]) == said["is_anomaly"]).all())
        True
        """
        return (self.score(frame) > self.threshold).rename("is_anomaly")


def load(artifacts: str, version: ModelVersion) -> LoadedModel:
    """Load a version.

    Args:
        artifacts: The folder or fsspec URL of the artifacts.
        version: As the registry has it.

    Raises:
        ArtifactMissing, ArtifactTampered: Its bundle is not there, or is not what was registered.
        UntrustedModel: Its files ask for types that are not trusted.
        DetectorNotInstalled: A plug-in's detector, of a plug-in that is not installed.
    """
    from mlreg_dagster.config import load_settings
    from mlreg_dagster.extensions.registration.loading import load_extensions
    from mlreg_dagster.models.artifacts import artifact
    from mlreg_dagster.models.detectors.names import SCORERS
    from mlreg_dagster.storage.artifacts import open_artifacts

    if version.detector not in SCORERS:  # a plug-in's, which is loaded with the graph otherwise
        load_extensions(load_settings().extensions.modules)
    model = artifact.load(open_artifacts(artifacts), version.version, version.artifact_sha256)
    return LoadedModel(version.version, version.artifact_sha256, model.manifest, model)


def load_model(
    spec: str = "champion",
    home: str | Path | None = None,
    *,
    registry: str | None = None,
    artifacts: str | None = None,
) -> LoadedModel:
    """A version of a home, ready to score: `Client(home, …).load_model(spec)`.

    Args:
        spec: `v7`, `latest`, `latest-1`, or an alias.
        home: As for `Client`.
        registry: As for `Client`.
        artifacts: As for `Client`.

    >>> load_model("v3").manifest["settings"]["detector"]
    'isolation_forest'
    """
    from mlreg_dagster.client.client import Client

    return Client(home, registry=registry, artifacts=artifacts).load_model(spec)
