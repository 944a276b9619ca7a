"""The families of the features that a model sees."""

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.market.features.features import families_of
from mlreg_dagster.models.artifacts.artifact import Model


def family_of_each(model: Model) -> dict[str, str]:
    """The family of each of the model's features, in its order; one that nothing describes is a family by itself."""
    known = families_of(FeatureSettings.model_validate(model.manifest["feature_settings"]))
    return {name: known.get(name, name) for name in model.features}
