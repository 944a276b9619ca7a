"""Names in the tables of the outcomes room, for those that read them without their schemas."""

PREDICTIONS_TABLE = "predictions"
OUTCOMES_TABLE = "prediction_outcomes"
PERFORMANCE_TABLE = "model_performance"
WORTH_TABLE = "model_worth"

RANKING = "ranking"
"""The role of a simple ranking; its `model_version` is `ranking:<name>`, a name that no version has."""

ROLES = ("champion", "challenger", "requested", RANKING)

RATES = {
    "recall": ("true_positives", "crashes"),
    "precision": ("true_positives", "flagged"),
    "false_alarm_rate": ("false_positives", "no_crashes"),
    "base_rate": ("crashes", "resolved"),
}
"""Each rate as a count out of another."""
