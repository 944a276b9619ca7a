"""The outcome assets: predictions of each hour, their outcomes a horizon later, and performance by day and version."""

from collections import Counter
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, chunked, day_key, hour_key
from mlreg_dagster.market.crashes import FALL_HOURS
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.names import UNRESOLVED
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.detectors.names import scorer_of
from mlreg_dagster.models.names import CHALLENGER, CHAMPION
from mlreg_dagster.orchestration.instance.audit_anchors import require_intact
from mlreg_dagster.orchestration.instance.earlier_runs import EVERYTHING, wait_for_earlier_runs
from mlreg_dagster.orchestration.instance.upstream import require_any_made, require_made
from mlreg_dagster.orchestration.metadata import (
    OWNERS,
    fresh_within,
    report_hours,
    report_partitions,
    report_texts,
    result_of_range,
    table_metadata,
    table_view,
)
from mlreg_dagster.orchestration.mirroring import mirrored
from mlreg_dagster.orchestration.partitions import Partitions, days_of, ended_hours_of
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.outcomes.names import RANKING, SUSPENDED, VERSION_ROWS, is_version
from mlreg_dagster.outcomes.performance.metrics import MEASURED, count, performance, rates_in_use, summary_of_counts
from mlreg_dagster.outcomes.plots import confusion_picture, performance_picture, score_picture
from mlreg_dagster.outcomes.predicting.own_rankings import require_known_columns
from mlreg_dagster.outcomes.reasons.assets import build_prediction_reasons
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.outcomes.served.first_answers import as_measured
from mlreg_dagster.outcomes.served.schema import SERVED_OUTCOMES
from mlreg_dagster.outcomes.validation import validate_predictions
from mlreg_dagster.outcomes.worth.assets import build_worth_asset

GROUP = "outcomes"
_PRICE = ["hour", "instrument_id", "price"]
_RANKED_BY = [*_PRICE, "volume_24h"]
_SHOWN_DAYS = 30


class PredictConfig(dg.Config):
    """Who scores besides the champion and the challenger as of the hour."""

    versions: list[str] = Field(
        default=[],
        description="Further versions (v7, latest-1, …) that are to score these hours, to compare.",
    )


def build_outcome_assets(settings: Settings, partitions: Partitions) -> list[dg.AssetsDefinition]:
    """Predictions, their reasons and their outcomes by hour, performance by day."""
    return [
        _predictions(settings, partitions),
        build_prediction_reasons(settings, partitions, GROUP),
        _prediction_outcomes(settings, partitions),
        _model_performance(settings, partitions),
        build_worth_asset(settings, GROUP, partitions),
    ]


def _predictions(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition:
    features, rankings = features_table(settings.features), settings.outcomes.rankings
    require_known_columns(settings)

    @dg.asset(
        group_name=GROUP,
        partitions_def=partitions.hourly,
        backfill_policy=partitions.hours_by_run,
        owners=OWNERS,
        kinds={"duckdb", "scikitlearn"},
        metadata=table_metadata(PREDICTIONS),
        freshness_policy=fresh_within(settings.ingest.checks.max_age_hours),
        deps=["market_features", "champion_model"],
        description="The anomaly score of every instrument by the champion (and challenger) as of the hour, and by the "
        "simple rankings beside them.",
    )
    @retried
    def predictions(
        context: dg.AssetExecutionContext,
        config: PredictConfig,
        mlreg_warehouse: WarehouseResource,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
        mlreg_clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.outcomes.predicting import history, scoring
        from mlreg_dagster.outcomes.predicting.moved_thresholds import MovedThresholds
        from mlreg_dagster.outcomes.predicting.newest import mirror_newest_thresholds
        from mlreg_dagster.outcomes.predicting.rankings import READ_HOURS, rank
        from mlreg_dagster.outcomes.predicting.suspended import hours_in_words, in_words, suspended_hours

        # a threshold that is on record is kept for good, so the hours that it looks back on come first
        wait_for_earlier_runs(context, settings.automation, {PREDICTIONS.name: EVERYTHING})
        hours, tables, records = (
            ended_hours_of(context, mlreg_clock.now()),
            mlreg_warehouse.open(),
            mlreg_registry.open(),
        )
        require_intact(records, context.instance)
        require_made(context, tables, features, hours)
        stopped = suspended_hours(records, tables, hours)
        assignments = scoring.assign(records, hours, config.versions, stopped)
        suspended = in_words(stopped)
        for sentence in suspended:
            context.log.warning(sentence)
        if not assignments and not suspended:
            context.log.warning(f"There was no champion as of {hours[0]:%Y-%m-%d %H:%M}: no predictions.")
        moved = MovedThresholds(records.drift_decisions())
        policies = [*scoring.policies_of(records, assignments), rankings.flagging]
        counts = Counter(rows=0, hours=len(hours), flagged=0, in_sample=0, ranking_rows=0)
        remarks: dict[str, list[str]] = {}
        for chunk in chunked(hours, settings.scored_hours_at_once):
            with tables.session():
                rows = tables.read(features, chunk[0], chunk[-1])
                market = tables.read(MARKET_SNAPSHOT, chunk[0] - READ_HOURS * HOUR, chunk[-1], columns=_RANKED_BY)
                past = history.History(history.read(tables, chunk, policies), chunk[0])
                store = mlreg_artifacts.open()
                frame = scoring.score(assignments, rows, market[_PRICE], store, remarks, past, moved)
                both = pd.concat([frame, rank(rankings, assignments, rows, market, store, past)], ignore_index=True)
                tables.write(PREDICTIONS, both, chunk)
            flagged = frame["is_anomaly"].where(~frame["in_sample"]).astype("float64")
            by_role = [flagged.where(frame["role"] == role) for role in (CHAMPION, CHALLENGER)]
            shares = {"flagged_share": by_role[0], "challenger_flagged_share": by_role[1]}
            report_hours(context, chunk, both, {VERSION_ROWS: frame}, **shares)
            flags = {name: int(frame[name].sum()) for name in ("is_anomaly", "in_sample")}
            counts.update(rows=len(frame), flagged=flags["is_anomaly"], in_sample=flags["in_sample"])
            counts.update(ranking_rows=len(both) - len(frame))
        mirror = mlreg_warehouse.mirror()
        models = [
            {
                "version": each.version,
                "role": each.role,
                "first": each.first,
                "last": each.last,
                "scorer": scorer_of(records.version(each.version).detector),
            }
            for each in assignments
        ]
        report_texts(context, SUSPENDED, hours_in_words(stopped))
        warnings = [remark for each in remarks.values() for remark in each]
        for remark in warnings:
            context.log.warning(remark)
        metadata = {
            **counts,
            "models": table_view(models),
            "remarks": "\n\n".join(warnings) or "none",
            SUSPENDED: " ".join(suspended) or "no",
            "mirror": mirrored(context, lambda: mirror_newest_thresholds(tables, records, mirror, hours[-1])),
            "scores": dg.MetadataValue.md(score_picture(frame)),
        }
        return result_of_range(context, hour_key(hours[-1]), metadata)

    return predictions


def _prediction_outcomes(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition:
    horizon = settings.outcomes.horizon_hours

    @dg.asset(
        group_name=GROUP,
        partitions_def=partitions.hourly,
        backfill_policy=partitions.hours_by_run,
        owners=OWNERS,
        kinds={"duckdb"},
        metadata=table_metadata(PREDICTION_OUTCOMES),
        deps=["predictions", "market_snapshot"],
        description=f"The outcomes of the predictions of {horizon} h before: crash, no crash, or unresolved.",
    )
    @retried
    def prediction_outcomes(
        context: dg.AssetExecutionContext, mlreg_warehouse: WarehouseResource, mlreg_clock: Clock
    ) -> dg.MaterializeResult:
        looks_back = {PREDICTIONS.name: horizon, MARKET_SNAPSHOT.name: horizon + FALL_HOURS}
        wait_for_earlier_runs(context, settings.automation, looks_back)
        hours, tables = ended_hours_of(context, mlreg_clock.now()), mlreg_warehouse.open()
        require_made(context, tables, MARKET_SNAPSHOT, hours)
        rows, ranking_rows, kinds = 0, 0, Counter[Any]()
        counts: list[pd.DataFrame] = []
        for chunk in chunked(hours, settings.scored_hours_at_once):
            with tables.session():
                first = chunk[0] - horizon * HOUR
                made = tables.read(PREDICTIONS, first, chunk[-1] - horizon * HOUR)
                prices = tables.read(MARKET_SNAPSHOT, first - FALL_HOURS * HOUR, chunk[-1], columns=_PRICE)
                frame = validate_predictions(made, prices, settings.outcomes)
                tables.write(PREDICTION_OUTCOMES, frame, chunk)
            own = frame[frame["role"] != RANKING]
            unknown = (own["outcome"] == UNRESOLVED).astype("float64")
            report_hours(context, chunk, frame, {VERSION_ROWS: own}, unknown_share=unknown)
            rows, ranking_rows = rows + len(own), ranking_rows + len(frame) - len(own)
            kinds.update(own["outcome"].value_counts().to_dict())
            counts.append(count(own))
        by_version: list[dict[Any, Any]] = summary_of_counts(counts, settings.outcomes).to_dict("records")
        metadata = {
            "rows": rows,
            "hours": len(hours),
            "ranking_rows": ranking_rows,
            **{f"outcome_{kind}": number for kind, number in kinds.items()},
            "by_version": table_view(by_version),
            **{f"confusion_{row['model_version']}": dg.MetadataValue.md(confusion_picture(row)) for row in by_version},
        }
        return result_of_range(context, hour_key(hours[-1]), metadata)

    return prediction_outcomes


def _model_performance(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        group_name=GROUP,
        partitions_def=partitions.daily,
        backfill_policy=partitions.days_by_run,
        owners=OWNERS,
        kinds={"duckdb"},
        metadata=table_metadata(MODEL_PERFORMANCE),
        deps=["prediction_outcomes", "served_outcomes"],
        description="How right each version and simple ranking was, and apart from it what each version answered "
        "online (served:v7), over the outcomes that fell due on the day.",
    )
    @retried
    def model_performance(
        context: dg.AssetExecutionContext, mlreg_warehouse: WarehouseResource
    ) -> dg.MaterializeResult:
        days, tables = days_of(context), mlreg_warehouse.open()
        require_any_made(context, tables, MARKET_SNAPSHOT, days)
        for chunk in chunked(days, settings.scored_hours_at_once // 24):
            with tables.session():
                outcomes = tables.read(PREDICTION_OUTCOMES, chunk[0], chunk[-1] + 23 * HOUR)
                served = tables.read(SERVED_OUTCOMES, chunk[0], chunk[-1] + 23 * HOUR, columns=MEASURED)
                measured = performance(pd.concat([outcomes[list(MEASURED)], as_measured(served)]))
                tables.write(MODEL_PERFORMANCE, measured, chunk)
            counts = measured["day"].value_counts().reindex(chunk, fill_value=0)
            numbers = rates_in_use(outcomes).reindex(chunk).assign(**{"dagster/partition_row_count": counts})
            report_partitions(context, list(map(day_key, chunk)), numbers)
        with tables.session():
            written = tables.read(MODEL_PERFORMANCE, days[0], days[-1])
            recent = tables.read(MODEL_PERFORMANCE, days[-1] - pd.Timedelta(days=_SHOWN_DAYS), days[-1])
        metadata = {
            "rows": len(written),
            "days": len(days),
            "performance": table_view(written.to_dict("records")),
            "recent_days": dg.MetadataValue.md(performance_picture(recent[recent["model_version"].map(is_version)])),
        }
        return result_of_range(context, day_key(days[-1]), metadata)

    return model_performance
