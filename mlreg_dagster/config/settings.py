"""All files together, and what holds between them."""

from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from mlreg_dagster.config.datasets import DatasetSettings
from mlreg_dagster.config.evaluation import EvaluationSettings, PromotionSettings
from mlreg_dagster.config.features import FeatureSettings
from mlreg_dagster.config.ingest import IngestSettings
from mlreg_dagster.config.models import ModelSettings
from mlreg_dagster.config.monitoring import NotificationSettings, RetrainingSettings
from mlreg_dagster.config.outcomes import OutcomeSettings
from mlreg_dagster.config.section import ConfigError, Section


class Settings(Section):
    """All files together.

    Attributes:
        models: File name without `.yaml` to its settings: `model`, `model_lof`, ….
    """

    ingest: IngestSettings = IngestSettings()
    features: FeatureSettings = FeatureSettings()
    datasets: DatasetSettings = DatasetSettings()
    models: dict[str, ModelSettings] = Field({"model": ModelSettings()})
    evaluation: EvaluationSettings = EvaluationSettings()
    promotion: PromotionSettings = PromotionSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    notifications: NotificationSettings = NotificationSettings()
    outcomes: OutcomeSettings = OutcomeSettings()

    @model_validator(mode="after")
    def _retrained_models_exist(self) -> Self:
        for name in self.retraining.models:
            self.model(name)
        return self

    def model(self, name: str) -> ModelSettings:
        """The settings of one model file.

        Raises:
            ConfigError: There is no such file.
        """
        if name not in self.models:
            known = ", ".join(f"{model}.yaml" for model in sorted(self.models))
            raise ConfigError(f"There is no {name}.yaml among the configs; models are: {known}.")
        return self.models[name]

    @cached_property
    def max_lookback_hours(self) -> int:
        """How far back the features of an hour read the snapshots."""
        return max((168, *self.features.lag_hours, *self.features.rolling_hours))
