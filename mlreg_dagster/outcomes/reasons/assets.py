"""The asset of reasons: why champion and challenger flagged what they flagged, by hour."""

from collections import Counter

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import chunked, hour_key
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.orchestration.instance.upstream import require_made
from mlreg_dagster.orchestration.metadata import OWNERS, report_hours, result_of_range, table_metadata, table_view
from mlreg_dagster.orchestration.partitions import Partitions, ended_hours_of
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.outcomes.reasons.summary import explained_share, first_reasons, of_last_hour
from mlreg_dagster.outcomes.schema import PREDICTION_REASONS, PREDICTIONS


def build_prediction_reasons(settings: Settings, partitions: Partitions, group: str) -> dg.AssetsDefinition:
    """The reasons for each flag, by hour."""
    features = features_table(settings.features)

    @dg.asset(
        group_name=group,
        partitions_def=partitions.hourly,
        backfill_policy=partitions.hours_by_run,
        owners=OWNERS,
        kinds={"duckdb", "scikitlearn"},
        metadata=table_metadata(PREDICTION_REASONS),
        deps=["predictions", "market_features"],
        description="Why champion and challenger flagged an instrument: the families of features that raised its score "
        "most, by Shapley values of the score against a row of training medians.",
    )
    @retried
    def prediction_reasons(
        context: dg.AssetExecutionContext,
        mlreg_warehouse: WarehouseResource,
        mlreg_artifacts: ArtifactsResource,
        mlreg_clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.outcomes.reasons.of_hours import reasons_of
        from mlreg_dagster.outcomes.reasons.plots import reasons_picture

        hours, tables = ended_hours_of(context, mlreg_clock.now()), mlreg_warehouse.open()
        require_made(context, tables, PREDICTIONS, hours)
        counts, first = Counter[str](hours=len(hours), rows=0, flags=0), Counter[str]()
        for chunk in chunked(hours, settings.scored_hours_at_once):
            with tables.session():
                predictions = tables.read(PREDICTIONS, chunk[0], chunk[-1])
                rows = tables.read(features, chunk[0], chunk[-1])
                frame = reasons_of(predictions, rows, mlreg_artifacts.open(), settings.outcomes.reasons)
                tables.write(PREDICTION_REASONS, frame, chunk)
            report_hours(context, chunk, frame, explained_share=explained_share(frame))
            counts.update(rows=len(frame), flags=int((frame["rank"] == 1).sum()))
            first.update(first_reasons(frame))
        metadata = {
            **counts,
            "first_reasons": table_view([{"family": name, "flags": number} for name, number in first.most_common()]),
            "newest": table_view(of_last_hour(frame)),
            "reasons": dg.MetadataValue.md(reasons_picture(frame)),
        }
        return result_of_range(context, hour_key(hours[-1]), metadata)

    return prediction_reasons
