"""The outputs of every model: their names and datatypes."""

SCORE, IS_ANOMALY, DISTANCE, TRAINING_QUANTILE, REASONS = (
    "score",
    "is_anomaly",
    "distance",
    "training_quantile",
    "reasons",
)
OUTPUTS = {SCORE: "FP64", IS_ANOMALY: "BOOL", DISTANCE: "FP64", TRAINING_QUANTILE: "FP64", REASONS: "BYTES"}
