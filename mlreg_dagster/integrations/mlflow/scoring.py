"""What MLflow loads and asks: a version that scores by its frozen bundle."""

from typing import TYPE_CHECKING, Any

from mlflow.pyfunc.model import PythonModel

if TYPE_CHECKING:
    from mlreg_dagster.models.artifacts.artifact import Model


class FrozenVersion(PythonModel):
    """A version; nothing of its bundle is used before its hash is that of `model_config`, the registry's."""

    _skip_type_hint_validation = True  # MLflow's advice to add hints: the signature says what is taken
    _model: "Model"

    def load_context(self, context: Any) -> None:
        """Open the bundle.

        Raises:
            ArtifactMissing, ArtifactTampered: It is not there, or is not what was registered.
            UntrustedModel: Its files ask for types that are not trusted.
            DetectorNotInstalled: A plug-in's detector, of a plug-in that is not installed.
        """
        from mlreg_dagster.config import load_settings
        from mlreg_dagster.extensions.registration.loading import load_extensions
        from mlreg_dagster.integrations.mlflow.files import STORE
        from mlreg_dagster.models.artifacts import artifact
        from mlreg_dagster.storage.artifacts import open_artifacts

        load_extensions(load_settings().extensions.modules)
        chosen = context.model_config
        store = open_artifacts(context.artifacts[STORE])
        self._model = artifact.load(store, chosen["version"], chosen["artifact_sha256"])

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def] # noqa: ARG002 - see above
        """The score of each row, and whether it is above the frozen threshold.

        Args:
            context: As MLflow gives it.
            model_input: The features of the version, as numbers; NaN is unknown.
            params: There are none.

        Returns:
            A data frame on the index of the rows.
        """
        import pandas as pd

        scores = self._model.score(model_input[self._model.features])
        return pd.DataFrame({"score": scores, "is_anomaly": scores > self._model.threshold}, index=model_input.index)
