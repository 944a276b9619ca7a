"""The names that a deployment of this project is expected to show."""

HOURLY_ASSETS = ("market_snapshot", "market_features", "predictions", "prediction_outcomes")
DATASETS = ("training_dataset", "eval_holdout")
ASSETS = (
    *HOURLY_ASSETS,
    *DATASETS,
    "candidate_model",
    "evaluated_model",
    "champion_model",
    "model_performance",
    "delivery_bundle",
    "governance_report",
)
JOBS = (
    "hourly",
    "market",
    "predictions_only",
    "follow_up",
    "outcomes_only",
    "scoring",
    "datasets",
    "performance",
    "train",
    "evaluate",
    "retrain",
    "promote",
    "approve",
    "reject",
    "grant_exception",
    "withdraw",
    "approve_policy",
    "adopt_policy",
    "correct",
    "restore",
    "bundle",
    "prune",
)
SCHEDULES = ("hourly_schedule", "prune_schedule")
MAY_BE_OFF = ("prune_schedule",)
SENSORS = (
    "catch_up_sensor",
    "days_sensor",
    "retrain_sensor",
    "promote_sensor",
    "failure_sensor",
    "cancellation_sensor",
    "never_started_sensor",
    "check_sensor",
)
WITH_PICTURES = ("market_snapshot", "market_features", "evaluated_model", "champion_model", "predictions")
FLAGGED_SHARE = "flagged_share_within_limits"
WITH_FRESHNESS = ("market_snapshot", "predictions", "champion_model")
