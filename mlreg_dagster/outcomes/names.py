"""Names in the tables of the outcomes room, for those that read them without their schemas."""

PREDICTIONS_TABLE = "predictions"
REASONS_TABLE = "prediction_reasons"
OUTCOMES_TABLE = "prediction_outcomes"
PERFORMANCE_TABLE = "model_performance"

REMAINDER = "remainder"
"""In place of a family: the shares of all families of a prediction that are not named."""

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
