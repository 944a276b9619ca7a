"""The tables of sketches: counts by hour, and the bins that they were counted in."""

from mlreg_dagster.monitoring.names import BINS_TABLE, SKETCH_TABLE
from mlreg_dagster.monitoring.sketches.bins import BINS
from mlreg_dagster.outcomes.schema import WHOLE_HOUR
from mlreg_dagster.storage.warehouse.column_checks import FINITE_NOT_NEGATIVE, NOT_EMPTY
from mlreg_dagster.storage.warehouse.tables import FEW_TEXTS, UTC, Check, Table, column

_COUNT = Check(lambda s: s >= 0, error="must not be negative")

FEATURE_SKETCH = Table(
    name=SKETCH_TABLE,
    description="How the values of one feature, or the champion's scores, spread over fixed bins in one hour.",
    key=("hour", "reference", "feature"),
    columns={
        "hour": column(UTC, "Hour of the rows, UTC.", WHOLE_HOUR),
        "reference": column(
            FEW_TEXTS, "Whose training rows the bins were cut from: a training dataset; of scores the version."
        ),
        "feature": column(FEW_TEXTS, "The feature; `score`: the anomaly score of the champion."),
        "rows": column(int, "Rows of the hour.", _COUNT),
        "nulls": column(int, "Of these, without a value.", _COUNT),
        "rank_sum": column(float, "Sum of the ranks among the training rows, 0 to 1 each.", FINITE_NOT_NEGATIVE),
        "spread_sum": column(float, "Sum of |2 rank - 1|.", FINITE_NOT_NEGATIVE),
        "counts": column(str, f"Rows in each of the {BINS} bins, from the lowest on, with commas between.", NOT_EMPTY),
    },
)

SKETCH_BINS = Table(
    name=BINS_TABLE,
    description="The bins of one feature under one reference: quantiles of its training rows.",
    key=("reference", "feature"),
    columns={
        "reference": column(str, "Whose training rows they were cut from.", NOT_EMPTY),
        "feature": column(str, "Name of the feature whose training rows were cut.", NOT_EMPTY),
        "edges": column(str, f"The {BINS - 1} edges, ascending, with commas between; nan: no training row knows it."),
        "counts": column(str, "Training rows in each bin, with commas between.", NOT_EMPTY),
        "nulls": column(int, "Training rows without a value.", _COUNT),
    },
)
