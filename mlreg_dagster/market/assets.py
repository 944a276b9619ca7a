"""The hourly assets of the market room: snapshots as the source gives them, and their features."""

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.hours import HOUR, chunked
from mlreg_dagster.market.features import compute_features, describe_features, features_table
from mlreg_dagster.market.pictures import change_heat_map, feature_distributions
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.base import MarketSource
from mlreg_dagster.orchestration.metadata import (
    OWNERS,
    fresh_within,
    report_rows_by_hour,
    result_of_hours,
    table_metadata,
)
from mlreg_dagster.orchestration.partitions import SINGLE_RUN, Partitions, ended_hours_of, hours_back
from mlreg_dagster.orchestration.resources import Clock, WarehouseResource
from mlreg_dagster.orchestration.retries import retried

GROUP = "market"


def build_market_assets(settings: Settings, partitions: Partitions) -> list[dg.AssetsDefinition]:
    """Snapshot and features, partitioned by hour."""
    return [_market_snapshot(settings, partitions), _market_features(settings, partitions)]


def _market_snapshot(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        group_name=GROUP,
        partitions_def=partitions.hourly,
        backfill_policy=SINGLE_RUN,
        owners=OWNERS,
        kinds={"duckdb", settings.ingest.source},
        metadata=table_metadata(MARKET_SNAPSHOT),
        freshness_policy=fresh_within(settings.ingest.checks.max_age_hours),
        description="The cross-section of the market at each hour, as the source gave it: one row an instrument.",
    )
    @retried
    def market_snapshot(
        context: dg.AssetExecutionContext,
        source: dg.ResourceParam[MarketSource],
        warehouse: WarehouseResource,
        clock: Clock,
    ) -> dg.MaterializeResult:
        hours = ended_hours_of(context, clock.now())
        rows, instruments = 0, set[str]()
        for chunk in chunked(hours, settings.ingest.chunk_hours):
            frame = source.snapshots(chunk, clock.now())
            rows += warehouse.open().write(MARKET_SNAPSHOT, frame, chunk)
            report_rows_by_hour(context, chunk, frame)
            instruments.update(frame["instrument_id"].unique())
        metadata = {
            "rows": rows,
            "hours": len(hours),
            "instruments": len(instruments),
            "source": source.name,
            "price_changes": dg.MetadataValue.md(change_heat_map(frame)),
        }
        return result_of_hours(context, hours, metadata)

    return market_snapshot


def _market_features(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition:
    table = features_table(settings.features)
    lookback = settings.max_lookback_hours

    @dg.asset(
        group_name=GROUP,
        partitions_def=partitions.hourly,
        backfill_policy=SINGLE_RUN,
        owners=OWNERS,
        kinds={"duckdb", "numpy"},
        metadata=table_metadata(table),
        deps=[dg.AssetDep("market_snapshot", partition_mapping=hours_back(lookback))],
        description="What models see of each instrument at each hour: base and temporal features by clock time.",
    )
    @retried
    def market_features(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, clock: Clock
    ) -> dg.MaterializeResult:
        hours = ended_hours_of(context, clock.now())
        tables = warehouse.open()
        rows = 0
        for chunk in chunked(hours, settings.ingest.chunk_hours):
            with tables.session():
                snapshots = tables.read(MARKET_SNAPSHOT, chunk[0] - lookback * HOUR, chunk[-1])
                frame = compute_features(snapshots, chunk, settings.features, lookback)
                rows += tables.write(table, frame, chunk)
            report_rows_by_hour(context, chunk, frame)
        metadata = {
            "rows": rows,
            "hours": len(hours),
            "features": len(describe_features(settings.features)),
            "distributions": dg.MetadataValue.md(feature_distributions(frame)),
        }
        return result_of_hours(context, hours, metadata)

    return market_features
