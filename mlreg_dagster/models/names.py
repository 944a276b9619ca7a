"""Names that the graph and the logic share. Importing them costs nothing: the code location loads without sklearn."""

CHAMPION = "champion"
CHALLENGER = "challenger"
NOBODY = "nobody"
"""What `expected` says of an alias that nobody holds."""

ANOMALY_RATE = "anomaly_rate_in_range"
RATE_SHIFT = "anomaly_rate_near_training"
SILHOUETTE = "silhouette"
SCORE_GAP = "score_gap"
AVERAGE_PRECISION = "injection_average_precision"

GATES = {
    ANOMALY_RATE: "The share of flagged holdout rows lies in the allowed range.",
    RATE_SHIFT: "That share is close to the one in training.",
    SILHOUETTE: "Flagged and unflagged rows are apart in the detector's own space.",
    SCORE_GAP: "Flagged rows score clearly higher than the others.",
    AVERAGE_PRECISION: "Planted anomalies are found at least as well as by the robust z-score baseline.",
}
"""Every gate and what it asks, in the order in which it is shown."""
