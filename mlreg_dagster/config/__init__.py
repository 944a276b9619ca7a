"""configs/*.yaml as typed settings: one class a file, checked as a whole when the code location loads.

The classes hold the defaults. The files in `configs/` spell them out for people; the files of a project, or of the
folder that MLREG_CONFIG_DIR names, replace them one by one.
"""

from mlreg_dagster.config.loading import fit_for_databases, home_dir, load_settings
from mlreg_dagster.config.project import current_project, load_project_environment, shipped
from mlreg_dagster.config.section import ConfigError
from mlreg_dagster.config.sections.audit import AuditSettings
from mlreg_dagster.config.sections.automation import AutomationSettings, RetrainingSettings
from mlreg_dagster.config.sections.datasets import DatasetSettings
from mlreg_dagster.config.sections.drift import DetectionSettings, DriftSettings, ResponseSettings
from mlreg_dagster.config.sections.evaluation import EvaluationSettings, InjectionSettings
from mlreg_dagster.config.sections.features import FeatureSettings, canonical
from mlreg_dagster.config.sections.governance import PromotionSettings, UseCaseSettings
from mlreg_dagster.config.sections.ingest import (
    ArchiveColumns,
    ArchiveSettings,
    CoinGeckoSettings,
    IngestSettings,
    SnapshotChecks,
)
from mlreg_dagster.config.sections.models import FROZEN, FlaggingSettings, MemberSettings, ModelSettings
from mlreg_dagster.config.sections.notifications import ChannelSettings, NotificationSettings
from mlreg_dagster.config.sections.outcomes import OutcomeSettings, WorthSettings
from mlreg_dagster.config.sections.pages import PagesSettings
from mlreg_dagster.config.sections.retention import RetentionSettings
from mlreg_dagster.config.sections.rollout import RolloutPolicy, RolloutSettings
from mlreg_dagster.config.sections.simulated import ClusteringSettings, PlantedDriftSettings, SimulatedSettings
from mlreg_dagster.config.sections.tuning import TuningSettings
from mlreg_dagster.config.settings import Settings

__all__ = [
    "FROZEN",
    "ArchiveColumns",
    "ArchiveSettings",
    "AuditSettings",
    "AutomationSettings",
    "ChannelSettings",
    "ClusteringSettings",
    "CoinGeckoSettings",
    "ConfigError",
    "DatasetSettings",
    "DetectionSettings",
    "DriftSettings",
    "EvaluationSettings",
    "FeatureSettings",
    "FlaggingSettings",
    "IngestSettings",
    "InjectionSettings",
    "MemberSettings",
    "ModelSettings",
    "NotificationSettings",
    "OutcomeSettings",
    "PagesSettings",
    "PlantedDriftSettings",
    "PromotionSettings",
    "ResponseSettings",
    "RetentionSettings",
    "RetrainingSettings",
    "RolloutPolicy",
    "RolloutSettings",
    "Settings",
    "SimulatedSettings",
    "SnapshotChecks",
    "TuningSettings",
    "UseCaseSettings",
    "WorthSettings",
    "canonical",
    "current_project",
    "fit_for_databases",
    "home_dir",
    "load_project_environment",
    "load_settings",
    "shipped",
]
