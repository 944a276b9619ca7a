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

BETTER = "better_than_champion"
IMPROVEMENT = "improvement_over_baseline"
PARITY = "segment_parity"
NOISE = "noise_robustness"
MISSING = "missing_feature_robustness"
LATENCY = "scoring_latency"
SIZE = "model_size"

GATES = {
    ANOMALY_RATE: "The share of flagged holdout rows lies in the allowed range.",
    RATE_SHIFT: "That share is close to the one in training.",
    SILHOUETTE: "Flagged and unflagged rows are apart in the detector's own space.",
    SCORE_GAP: "Flagged rows score clearly higher than the others.",
    AVERAGE_PRECISION: "Planted anomalies are found at least as well as by the robust z-score baseline.",
}
"""Every gate and what it asks, in the order in which it is shown."""

STRICT_GATES = {
    BETTER: "On the same rows and planted anomalies it is told apart from the champion, as the better one.",
    IMPROVEMENT: "Planted anomalies are found better than by the robust z-score baseline, by a share of it.",
    PARITY: "About the same share of rows is flagged among instruments of small, middle and large volume and cap.",
    NOISE: "Labels stay as they are when a little noise is added to every feature.",
    MISSING: "Labels stay as they are when a feature is missing, whichever it is.",
    LATENCY: "One hour of the universe is scored as fast as the use case asks, and many rows as well.",
    SIZE: "The version's bundle is as small as the use case asks.",
}
"""Gates that a risk tier of promotion.yaml may ask for on top."""
