"""Every table of the warehouse, in the order in which each is made from those before it."""

from mlreg_dagster.config import Settings
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.monitoring.response.stored import DRIFT_DECISIONS
from mlreg_dagster.monitoring.sketches.schema import FEATURE_SKETCH, SKETCH_BINS
from mlreg_dagster.outcomes.replay_schema import REPLAY_POLICIES
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTION_REASONS, PREDICTIONS
from mlreg_dagster.outcomes.served.schema import SERVED_OUTCOMES, SERVED_PREDICTIONS
from mlreg_dagster.outcomes.worth.schema import MODEL_WORTH
from mlreg_dagster.storage.warehouse.tables import UTC, Table


def every_table(settings: Settings) -> tuple[Table, ...]:
    """Every table of a home; a table that is not in this list fails the tests."""
    return *tables_of_assets(settings), SKETCH_BINS, REPLAY_POLICIES


def tables_of_assets(settings: Settings) -> tuple[Table, ...]:
    """The tables that assets write; their partitions are hours or days."""
    market = (MARKET_SNAPSHOT, features_table(settings.features))
    hourly = (*market, PREDICTIONS, PREDICTION_OUTCOMES, PREDICTION_REASONS, FEATURE_SKETCH)
    drift = (DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT, CONCEPT_DRIFT, DRIFT_DECISIONS)
    return *hourly, SERVED_PREDICTIONS, SERVED_OUTCOMES, MODEL_PERFORMANCE, MODEL_WORTH, *drift


def is_of_time(table: Table) -> bool:
    """Whether the partitions of a table are hours or days."""
    return bool(table.columns[table.partition_column].dtype == UTC)
