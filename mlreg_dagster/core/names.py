"""Names of assets, jobs, schedules and sensors, as users see them; importing them loads nothing.

Names of gates and aliases stand in `models.names`; what the jobs do stands in `jobs`.
"""

HOURLY_ASSETS = (
    "market_snapshot",
    "market_features",
    "predictions",
    "prediction_outcomes",
    "prediction_reasons",
    "feature_sketch",
)
"""The hourly assets, each made from some of those before it."""

SERVED_ASSETS = ("served_predictions", "served_outcomes")
"""What a server answered, by the hour of the answer, and its outcomes, by the hour in which they fall due."""

DATASET_ASSETS = ("training_dataset", "eval_holdout")

DRIFT_ASSETS = ("data_quality_drift", "feature_drift", "prediction_drift", "concept_drift", "drift_decision")
"""Four families of drift of a day, and what follows from them."""

PERFORMANCE_ASSETS = ("model_performance", "model_worth", *DRIFT_ASSETS)
"""What is measured of a day: its outcomes, and whether anything drifts."""

ASSETS = (
    *HOURLY_ASSETS,
    *SERVED_ASSETS,
    *DATASET_ASSETS,
    "candidate_model",
    "evaluated_model",
    "tuning_study",
    "champion_model",
    *PERFORMANCE_ASSETS,
    "delivery_bundle",
    "governance_report",
    "weekly_report",
)

HOURLY = "hourly"
MARKET = "market"
PREDICTIONS = "predictions_only"
OUTCOMES = "outcomes_only"
REASONS = "reasons_only"
SERVED = "served_only"
SERVED_OUTCOMES = "served_outcomes_only"
DATASETS = "datasets"
PERFORMANCE = "performance"
SCORING = "scoring"
FOLLOW_UP = "follow_up"
TRAIN = "train"
EVALUATE = "evaluate"
TUNE = "tune"
RETRAIN = "retrain"
PROMOTE = "promote"
ROLLOUT = "rollout"
SUSPEND = "suspend_job"
RESUME = "resume_job"
APPROVE = "approve"
REJECT = "reject"
WAIVE = "grant_exception"
WITHDRAW = "withdraw"
APPROVE_POLICY = "approve_policy"
ADOPT_POLICY = "adopt_policy"
PUBLISH_HEAD = "publish_head"
BUNDLE = "bundle"
WEEKLY = "weekly"
PRUNE = "prune"
CORRECT = "correct"
RESTORE = "restore"
BACK_UP = "back_up"
MLFLOW_SYNC = "mlflow_sync"

JOBS = (
    *(
        HOURLY,
        MARKET,
        PREDICTIONS,
        FOLLOW_UP,
        OUTCOMES,
        REASONS,
        SERVED,
        SERVED_OUTCOMES,
        SCORING,
        DATASETS,
        PERFORMANCE,
    ),
    *(TRAIN, EVALUATE, RETRAIN, TUNE, PROMOTE, ROLLOUT, SUSPEND, RESUME),
    *(APPROVE, REJECT, WAIVE, WITHDRAW, APPROVE_POLICY, ADOPT_POLICY),
    *(CORRECT, RESTORE, BUNDLE, WEEKLY, PRUNE, PUBLISH_HEAD, BACK_UP, MLFLOW_SYNC),
)

HOURLY_SCHEDULE, PRUNE_SCHEDULE, WEEKLY_SCHEDULE, AUDIT_SCHEDULE, BACKUP_SCHEDULE = SCHEDULES = (
    "hourly_schedule",
    "prune_schedule",
    "weekly_schedule",
    "audit_schedule",
    "backup_schedule",
)

MLFLOW_SENSOR = "mlflow_sensor"

SENSORS = (
    "catch_up_sensor",
    "served_sensor",
    "days_sensor",
    "retrain_sensor",
    "promote_sensor",
    "rollout_sensor",
    "failure_sensor",
    "cancellation_sensor",
    "never_started_sensor",
    "check_sensor",
    "alert_sensor",
    MLFLOW_SENSOR,
)

RESULT_ASSETS = ("evaluated_model", "delivery_bundle")
"""Assets whose checks are results: a rejected candidate and an incomplete card are seen by who asked for them, and say
nothing of the deployment."""
