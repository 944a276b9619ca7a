"""All files together, and what holds between them."""

from functools import cached_property
from math import ceil
from typing import Self

from pydantic import Field, model_validator

from mlreg_dagster.config.section import ConfigError, Section
from mlreg_dagster.config.sections.audit import AuditSettings
from mlreg_dagster.config.sections.automation import AutomationSettings, RetrainingSettings
from mlreg_dagster.config.sections.backups import BackupSettings
from mlreg_dagster.config.sections.datasets import DatasetSettings
from mlreg_dagster.config.sections.drift import DriftSettings
from mlreg_dagster.config.sections.evaluation import EvaluationSettings
from mlreg_dagster.config.sections.extensions import ExtensionSettings
from mlreg_dagster.config.sections.features import FeatureSettings
from mlreg_dagster.config.sections.governance import PromotionSettings, UseCaseSettings
from mlreg_dagster.config.sections.ingest import IngestSettings
from mlreg_dagster.config.sections.models import ModelSettings
from mlreg_dagster.config.sections.notifications import NotificationSettings
from mlreg_dagster.config.sections.outcomes import OutcomeSettings
from mlreg_dagster.config.sections.pages import PagesSettings
from mlreg_dagster.config.sections.retention import RetentionSettings
from mlreg_dagster.config.sections.rollout import RolloutSettings
from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.config.sections.tuning import TuningSettings

_VERSIONS_SCORED = 2
"""Champion and challenger, beside the rankings."""


class Settings(Section):
    """All files together.

    Attributes:
        models: File name without `.yaml` to its settings: `model`, `model_lof`, ….
    """

    use_case: UseCaseSettings = UseCaseSettings()
    ingest: IngestSettings = IngestSettings()
    features: FeatureSettings = FeatureSettings()
    datasets: DatasetSettings = DatasetSettings()
    models: dict[str, ModelSettings] = Field({"model": ModelSettings()})
    evaluation: EvaluationSettings = EvaluationSettings()
    promotion: PromotionSettings = PromotionSettings()
    automation: AutomationSettings = AutomationSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    notifications: NotificationSettings = NotificationSettings()
    audit: AuditSettings = AuditSettings()
    outcomes: OutcomeSettings = OutcomeSettings()
    drift: DriftSettings = DriftSettings()
    retention: RetentionSettings = RetentionSettings()
    serving: ServingSettings = ServingSettings()
    rollout: RolloutSettings = RolloutSettings()
    pages: PagesSettings = PagesSettings()
    tuning: TuningSettings = TuningSettings()
    extensions: ExtensionSettings = ExtensionSettings()

    @model_validator(mode="after")
    def _retrained_models_exist(self) -> Self:
        for name in self.retraining.models:
            self.model(name)
        return self

    @model_validator(mode="after")
    def _tuning_sees_no_gate(self) -> Self:
        if shared := self.tuning.shared_seeds(self.evaluation.injection.all_seeds):
            raise ConfigError(
                f"tuning.yaml: planting_seeds and measured_seeds share {', '.join(map(str, shared))} with the "
                f"injection of evaluation.yaml: gates would judge by what was tuned on. Name other seeds."
            )
        return self

    @model_validator(mode="after")
    def _promotion_is_possible(self) -> Self:
        if problem := self.promotion.unmet(self.use_case.risk_tier):
            raise ConfigError(f"promotion.yaml: {problem}.")
        return self

    @model_validator(mode="after")
    def _what_is_read_is_kept(self) -> Self:
        for name in ("snapshot_days", "feature_days"):
            days = getattr(self.retention, name)
            if days is not None and days * 24 < self.hours_in_use:
                raise ConfigError(
                    f"retention.yaml: {name} ({days}) is too short: catch-up, features, datasets and outcomes look "
                    f"{self.hours_in_use} hours back, so keep {ceil(self.hours_in_use / 24)} days or more."
                )
        return self

    def of_branch(self) -> Self:
        """The same for a branch, which tells nobody outside: no channels, no published heads, no backups."""
        told = self.notifications
        silent = NotificationSettings(owners=told.owners, reminder_hours=told.reminder_hours)
        retention = self.retention.model_copy(update={"backups": BackupSettings()})
        return self.model_copy(update={"notifications": silent, "audit": AuditSettings(), "retention": retention})

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

    @property
    def scored_hours_at_once(self) -> int:
        """How many hours of predictions or outcomes are held in memory at once; their rows are a fifth as wide."""
        rankings = self.outcomes.rankings
        of_each = len(rankings.panel) + len(rankings.own) + _VERSIONS_SCORED
        return self.ingest.hours_holding(max(self.ingest.universe * of_each // 5, 1))

    @property
    def hours_in_use(self) -> int:
        """How far back anything that goes on by itself may read the market's tables."""
        horizon, datasets = self.outcomes.horizon_hours, self.datasets
        of_datasets = max(datasets.history_hours, datasets.label_reach_hours(horizon))
        return self.ingest.catch_up_hours + self.max_lookback_hours + of_datasets + horizon
