"""Names in the tables of the outcomes room, for those that read them without their schemas."""

PREDICTIONS_TABLE = "predictions"
OUTCOMES_TABLE = "prediction_outcomes"
PERFORMANCE_TABLE = "model_performance"

ROLES = ("champion", "challenger", "requested")
CRASH, NO_CRASH, UNRESOLVED = "crash", "no_crash", "unresolved"

RATES = {
    "recall": ("true_positives", "crashes"),
    "precision": ("true_positives", "flagged"),
    "false_alarm_rate": ("false_positives", "no_crashes"),
    "base_rate": ("crashes", "resolved"),
}
"""Each rate as a count out of another."""
