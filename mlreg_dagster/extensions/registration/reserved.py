"""The names that the package itself uses, of each kind: no plug-in takes one, whatever is imported first.

They are spelled out here as what bears them is in packages that import this one; tests compare the two.
"""

import re

BUILT_IN: dict[str, tuple[str, ...]] = {
    "detector": (
        *("isolation_forest", "local_outlier_factor", "nearest_neighbors", "robust_z_score", "ensemble"),
        "crash_classifier",
    ),
    "gate": (
        "anomaly_rate_in_range",
        "anomaly_rate_near_training",
        "silhouette",
        "score_gap",
        "injection_average_precision",
        "better_than_champion",
        "improvement_over_baseline",
        "segment_parity",
        "noise_robustness",
        "missing_feature_robustness",
        "scoring_latency",
        "model_size",
    ),
    "source": ("simulated", "archive", "coingecko"),
}
"""What configuration files can name without a plug-in, in the order in which it is shown."""

_TAKEN = {
    "feature": re.compile(
        "hour|instrument_id|feature_settings"  # the other columns of market_features
        r"|(slog_)?change_(1h|24h|7d)_pct|(slog_)?market_cap_to_volume|slog_volume_24h|ath_change_pct|volatility_7d_pct"
        r"|(change_1h_pct|change_24h_pct|slog_volume_24h)_(lag|mean|std)_\d+h"
        "|hour_of_day|day_of_week|is_gap|hours_since_previous"
    ),
    "notifier": re.compile("log|webhook"),
}


def is_reserved(kind: str, name: str) -> bool:
    """Whether a name of that kind is the package's own."""
    taken = _TAKEN.get(kind)
    return name in BUILT_IN.get(kind, ()) or (taken is not None and taken.fullmatch(name) is not None)
