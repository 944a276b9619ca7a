"""Names of the tables of drift, for those that read them without their schemas."""

from typing import Literal

SKETCH_TABLE = "feature_sketch"
BINS_TABLE = "sketch_bins"
QUALITY_TABLE = "data_quality_drift"
FEATURE_TABLE = "feature_drift"
PREDICTION_TABLE = "prediction_drift"
CONCEPT_TABLE = "concept_drift"

DRIFT_TABLES = (QUALITY_TABLE, FEATURE_TABLE, PREDICTION_TABLE, CONCEPT_TABLE)
"""One a family, by day."""

SCORE = "score"
"""In place of a feature: the anomaly score of the champion."""

Share = Literal["within", "outside", "unknown"]
"""How a flagged share stands against its limits."""
