"""The asset of sketches: counts of features and scores by hour."""

from collections import Counter

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import chunked, hour_key
from mlreg_dagster.market.features.features import describe_features, features_table
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.monitoring.sketches.schema import FEATURE_SKETCH
from mlreg_dagster.orchestration.instance.upstream import require_made
from mlreg_dagster.orchestration.metadata import OWNERS, report_hours, result_of_range, table_metadata
from mlreg_dagster.orchestration.partitions import Partitions, ended_hours_of
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.outcomes.schema import PREDICTIONS

_SCORES = ("hour", "model_version", "role", "score")


def build_sketch_asset(settings: Settings, group: str, partitions: Partitions) -> dg.AssetsDefinition:
    """The asset, by hour."""
    features = features_table(settings.features)

    @dg.asset(
        group_name=group,
        partitions_def=partitions.hourly,
        backfill_policy=partitions.hours_by_run,
        owners=OWNERS,
        kinds={"duckdb", "numpy"},
        metadata=table_metadata(FEATURE_SKETCH),
        deps=["market_features", "predictions"],
        description="How many values of each feature, and scores of the champion, lie in each of 64 bins, which are "
        "quantiles of training rows: sums of these counts give any window of time.",
    )
    @retried
    def feature_sketch(
        context: dg.AssetExecutionContext,
        mlreg_warehouse: WarehouseResource,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
        mlreg_clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.monitoring.sketches.counting import sketches_of
        from mlreg_dagster.monitoring.sketches.record import bins_of, joined, score_sketches
        from mlreg_dagster.monitoring.sketches.references import references, split

        hours, tables, records = (
            ended_hours_of(context, mlreg_clock.now()),
            mlreg_warehouse.open(),
            mlreg_registry.open(),
        )
        require_made(context, tables, features, hours)
        known, names = references(records), tuple(describe_features(settings.features))
        counts = Counter(hours=len(hours), rows=0, hours_without_reference=0)
        for chunk in chunked(hours, settings.scored_hours_at_once):
            with tables.session():
                parts, covered = [], 0
                for reference, own in split(known, chunk):
                    bins = bins_of(tables, mlreg_artifacts.open(), reference, names)
                    rows = tables.read(features, own[0], own[-1], columns=["hour", *names])
                    parts.append(sketches_of(rows, bins, reference.name))
                    covered += len(own)
                scores = tables.read(PREDICTIONS, chunk[0], chunk[-1], columns=_SCORES)
                parts.append(score_sketches(scores[scores["role"] == CHAMPION], records))
                frame = joined(parts)
                tables.write(FEATURE_SKETCH, frame, chunk)
            report_hours(context, chunk, frame, null_share=frame["nulls"] / frame["rows"])
            counts.update(rows=len(frame), hours_without_reference=len(chunk) - covered)
        metadata = {**counts, "references": ", ".join(each.name for each, _ in split(known, hours)) or "none"}
        return result_of_range(context, hour_key(hours[-1]), metadata)

    return feature_sketch
