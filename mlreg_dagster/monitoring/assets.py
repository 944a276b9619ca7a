"""The assets of the monitoring room."""

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.monitoring.drift.assets import build_drift_assets
from mlreg_dagster.monitoring.drift.facts import facts_reader
from mlreg_dagster.monitoring.names import DRIFT_TABLES
from mlreg_dagster.monitoring.response.assets import build_response_asset
from mlreg_dagster.monitoring.sketches.assets import build_sketch_asset
from mlreg_dagster.orchestration.partitions import Partitions

GROUP = "monitoring"


def build_monitoring_assets(settings: Settings, partitions: Partitions) -> list[dg.AssetsDefinition]:
    """Sketches by hour, drift and what follows from it by day."""
    return [
        build_sketch_asset(settings, GROUP, partitions),
        *build_drift_assets(settings, GROUP, partitions),
        build_response_asset(settings, GROUP, partitions, DRIFT_TABLES, facts_reader(settings)),
    ]
