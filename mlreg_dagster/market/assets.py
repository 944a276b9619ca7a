"""The hourly assets of the market room: snapshots as the source gives them, and their features."""

from collections import Counter

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, chunked, hour_key
from mlreg_dagster.market.features.features import compute_features, describe_features, features_table
from mlreg_dagster.market.plots import change_heat_map, feature_distributions
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.base import MarketSource
from mlreg_dagster.orchestration.instance.earlier_runs import wait_for_earlier_runs
from mlreg_dagster.orchestration.instance.upstream import require_made
from mlreg_dagster.orchestration.metadata import (
    MARKET_ENDS_WITH,
    OWNERS,
    fresh_within,
    report_hours,
    result_of_range,
    table_metadata,
    table_view,
)
from mlreg_dagster.orchestration.mirroring import mirrored
from mlreg_dagster.orchestration.partitions import Partitions, ended_hours_of
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
        backfill_policy=partitions.hours_by_run,
        owners=OWNERS,
        kinds={"duckdb", settings.ingest.source},
        metadata=table_metadata(MARKET_SNAPSHOT) | _end_of(settings),
        freshness_policy=fresh_within(settings.ingest.checks.max_age_hours),
        description="The cross-section of the market at each hour, as the source gave it: one row an instrument.",
    )
    @retried
    def market_snapshot(
        context: dg.AssetExecutionContext,
        mlreg_source: dg.ResourceParam[MarketSource],
        mlreg_warehouse: WarehouseResource,
        mlreg_clock: Clock,
    ) -> dg.MaterializeResult:
        hours = ended_hours_of(context, mlreg_clock.now())
        rows, instruments, unknown = 0, set[str](), Counter[str]()
        for chunk in chunked(hours, settings.ingest.hours_at_once):
            frame = mlreg_source.snapshots(chunk, mlreg_clock.now())
            unknown.update(mlreg_source.unknown)
            rows += mlreg_warehouse.open().write(MARKET_SNAPSHOT, frame, chunk)
            unknown_share = frame[list(settings.ingest.checks.completeness_columns)].isna().mean(axis=1)
            report_hours(context, chunk, frame, unknown_share=unknown_share)
            instruments.update(frame["instrument_id"].unique())
        metadata = {
            "rows": rows,
            "hours": len(hours),
            "instruments": len(instruments),
            "source": mlreg_source.name,
            "unknown_values": unknown.total(),
            **(
                {"unknown": table_view([{"what": what, "count": unknown[what]} for what in unknown])} if unknown else {}
            ),
            "price_changes": dg.MetadataValue.md(change_heat_map(frame)),
        }
        return result_of_range(context, hour_key(hours[-1]), metadata)

    return market_snapshot


def _end_of(settings: Settings) -> dict[str, str]:
    last = settings.ingest.last_hour
    return {} if last is None else {MARKET_ENDS_WITH: hour_key(last)}


def _market_features(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition:
    table = features_table(settings.features)
    lookback = settings.max_lookback_hours

    @dg.asset(
        group_name=GROUP,
        partitions_def=partitions.hourly,
        backfill_policy=partitions.hours_by_run,
        owners=OWNERS,
        kinds={"duckdb", "numpy"},
        metadata=table_metadata(table),
        deps=["market_snapshot"],
        description="What models see of each instrument at each hour: base and temporal features by clock time, made "
        f"from the snapshots of the hour and the {lookback} hours before it.",
    )
    @retried
    def market_features(
        context: dg.AssetExecutionContext, mlreg_warehouse: WarehouseResource, mlreg_clock: Clock
    ) -> dg.MaterializeResult:
        from mlreg_dagster.market.features.newest import mirror_newest_features

        hours = ended_hours_of(context, mlreg_clock.now())
        wait_for_earlier_runs(context, settings.automation, {MARKET_SNAPSHOT.name: lookback})
        tables = mlreg_warehouse.open()
        require_made(context, tables, MARKET_SNAPSHOT, hours)
        rows = 0
        for chunk in chunked(hours, settings.ingest.hours_at_once):
            with tables.session():
                snapshots = tables.read(MARKET_SNAPSHOT, chunk[0] - lookback * HOUR, chunk[-1])
                frame = compute_features(snapshots, chunk, settings.features, lookback)
                rows += tables.write(table, frame, chunk)
            report_hours(context, chunk, frame)
        mirror = mlreg_warehouse.mirror()
        metadata = {
            "rows": rows,
            "hours": len(hours),
            "features": len(describe_features(settings.features)),
            "mirror": mirrored(context, lambda: mirror_newest_features(tables, table, mirror, hours[-1])),
            "distributions": dg.MetadataValue.md(feature_distributions(frame)),
        }
        return result_of_range(context, hour_key(hours[-1]), metadata)

    return market_features
