"""What a deployment of this project is expected to show, beside the names of `core.names`."""

from mlreg_dagster.core.names import AUDIT_SCHEDULE, BACKUP_SCHEDULE, MLFLOW_SENSOR, PRUNE_SCHEDULE

MAY_BE_OFF = (PRUNE_SCHEDULE, AUDIT_SCHEDULE, BACKUP_SCHEDULE, MLFLOW_SENSOR)
WITH_PICTURES = ("market_snapshot", "market_features", "evaluated_model", "champion_model", "predictions")
FLAGGED_SHARE = "flagged_share_within_limits"
WITH_FRESHNESS = ("market_snapshot", "predictions", "champion_model")
