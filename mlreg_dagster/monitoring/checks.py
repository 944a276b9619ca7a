"""The asset checks of the monitoring room."""

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.monitoring.drift.checks import build_drift_checks
from mlreg_dagster.monitoring.metrics.checks import build_objective_checks
from mlreg_dagster.monitoring.response.checks import build_response_check


def build_monitoring_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The checks on the four families and on what follows from them, and on the objectives."""
    return [*build_drift_checks(settings), build_response_check(), *build_objective_checks(settings)]
