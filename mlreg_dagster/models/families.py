"""The families of the features that a model sees."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.market.features.features import families_of
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.manifests import families_in


def family_of_each(model: Model) -> dict[str, str]:
    """The family of each of the model's features, in its order; one that nothing describes is a family by itself."""
    recorded = families_in(model.manifest)
    named = families_named(model.features, model.manifest["feature_settings"]) if recorded is None else recorded
    return dict(zip(model.features, named, strict=True))


def families_named(features: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    """The family of each feature, by the settings that it was computed with."""
    known = families_of(FeatureSettings.model_validate(settings))
    return [known.get(name, name) for name in features]
