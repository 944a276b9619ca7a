"""The assets of serving: what was answered online, by the hour of the answer, and its outcomes, by the hour due."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, as_hour, chunked, hour_key
from mlreg_dagster.market.crashes import FALL_HOURS
from mlreg_dagster.market.names import UNRESOLVED
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.orchestration.instance.earlier_runs import EVERYTHING, wait_for_earlier_runs
from mlreg_dagster.orchestration.instance.upstream import require_made
from mlreg_dagster.orchestration.metadata import (
    OWNERS,
    report_hours,
    report_partitions,
    result_of_range,
    table_metadata,
    table_view,
)
from mlreg_dagster.orchestration.partitions import Partitions, ended_hours_of, make_partitions
from mlreg_dagster.orchestration.resources import Clock, RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.outcomes.served.schema import SERVED_OUTCOMES, SERVED_PREDICTIONS
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.errors import UnknownVersion
from mlreg_dagster.storage.prediction_log import layout_of
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

GROUP = "serving"
_SHOWN_HOURS = 48
_PRICE = ["hour", "instrument_id", "price"]
_BY_HOUR = (
    "SELECT hour, model_version, count(*) AS rows, count(DISTINCT answer_id) AS answers, "  # noqa: S608 - a name of ours
    "count(*) FILTER (is_anomaly) AS flagged, count(*) FILTER (stale) AS stale "
    f"FROM {SERVED_PREDICTIONS.name} WHERE hour BETWEEN $first AND $last GROUP BY ALL ORDER BY ALL"
)


def build_serving_assets(settings: Settings, partitions: Partitions, home: Path) -> list[dg.AssetsDefinition]:
    """Answers and their outcomes.

    Args:
        settings: Where the hours begin, and what an outcome is.
        partitions: Of the market.
        home: Where the prediction log is.
    """
    return [_served_predictions(settings, partitions, home), _served_outcomes(settings, partitions)]


def _served_predictions(settings: Settings, partitions: Partitions, home: Path) -> dg.AssetsDefinition:
    layout = layout_of(home)

    @dg.asset(
        group_name=GROUP,
        partitions_def=make_partitions(settings.ingest.first_hour).hourly,  # a server answers after a market's end, too
        backfill_policy=partitions.hours_by_run,
        owners=OWNERS,
        kinds={"duckdb", "parquet"},
        metadata=table_metadata(SERVED_PREDICTIONS),
        deps=["champion_model"],
        description="What the server answered in the hour, from the segments of its log; the features of each row are "
        "in the Parquet file of the hour.",
    )
    @retried
    def served_predictions(
        context: dg.AssetExecutionContext, mlreg_warehouse: WarehouseResource, mlreg_clock: Clock
    ) -> dg.MaterializeResult:
        from mlreg_dagster.serving.log.compaction import as_times, compact
        from mlreg_dagster.serving.plots import served_picture

        wait_for_earlier_runs(context, settings.automation, {SERVED_PREDICTIONS.name: EVERYTHING})
        hours, tables = ended_hours_of(context, mlreg_clock.now()), mlreg_warehouse.open()
        done = compact(layout, tables, as_times(hours))
        counts = Counter[str]()
        for segments in done.hours.values():
            for read in segments.values():
                counts.update({name: number for name, number in asdict(read).items() if isinstance(number, int)})
        if unread := counts["torn"] + counts["foreign"] + len(done.odd):
            context.log.warning(f"{unread} lines or files could not be read; they lie in {layout.aside}.")
        by_hour = _by_hour(tables, hours[0], hours[-1])
        report_partitions(context, list(map(hour_key, hours)), _numbers(by_hour, hours, done.hours))
        by_version = by_hour.groupby("model_version", as_index=False)[["answers", "rows", "flagged"]].sum()
        recent = _by_hour(tables, hours[-1] - (_SHOWN_HOURS - 1) * HOUR, hours[-1])
        metadata = {
            **counts,
            "hours": len(hours),
            "segments_stored": len(done.stored),
            "put_aside": ", ".join(done.odd) or "none",
            "by_version": table_view(by_version.to_dict("records")),
            "answers_by_hour": dg.MetadataValue.md(served_picture(recent)),
        }
        return result_of_range(context, hour_key(hours[-1]), metadata)

    return served_predictions


def _served_outcomes(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition:
    horizon = settings.outcomes.horizon_hours

    @dg.asset(
        group_name=GROUP,
        partitions_def=partitions.hourly,
        backfill_policy=partitions.hours_by_run,
        owners=OWNERS,
        kinds={"duckdb"},
        metadata=table_metadata(SERVED_OUTCOMES),
        deps=["served_predictions", "market_snapshot"],
        description=f"The outcomes of answers about instruments {horizon} h before: crash, no crash, or unresolved. Of "
        "several answers of a version about the same instrument and hour, the first one counts.",
    )
    @retried
    def served_outcomes(
        context: dg.AssetExecutionContext,
        mlreg_warehouse: WarehouseResource,
        mlreg_registry: RegistryResource,
        mlreg_clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.outcomes.performance.metrics import count, summary_of_counts
        from mlreg_dagster.outcomes.served.first_answers import as_measured, first_answers, outcomes_of_answers

        looks_back = {SERVED_PREDICTIONS.name: EVERYTHING, MARKET_SNAPSHOT.name: horizon + FALL_HOURS}
        wait_for_earlier_runs(context, settings.automation, looks_back)
        hours, tables = ended_hours_of(context, mlreg_clock.now()), mlreg_warehouse.open()
        require_made(context, tables, MARKET_SNAPSHOT, hours)
        records, rows, counts = mlreg_registry.open(), Counter[str](), list[pd.DataFrame]()
        for chunk in chunked(hours, settings.ingest.hours_at_once):
            first = chunk[0] - horizon * HOUR
            with tables.session():
                answers = first_answers(tables, first, chunk[-1] - horizon * HOUR)
                prices = tables.read(MARKET_SNAPSHOT, first - FALL_HOURS * HOUR, chunk[-1], columns=_PRICE)
                scores_from = _scores_from(records, answers["model_version"].unique())
                frame = outcomes_of_answers(answers, prices, scores_from, settings.outcomes)
                tables.write(SERVED_OUTCOMES, frame, chunk)
            report_hours(context, chunk, frame, unknown_share=(frame["outcome"] == UNRESOLVED).astype("float64"))
            rows.update(rows=len(frame), answers=int(frame["answers"].sum()))
            rows.update({f"outcome_{kind}": number for kind, number in frame["outcome"].value_counts().items()})
            counts.append(count(as_measured(frame)))
        by_version: list[dict[Any, Any]] = summary_of_counts(counts, settings.outcomes).to_dict("records")
        metadata = {**rows, "hours": len(hours), "by_version": table_view(by_version)}
        return result_of_range(context, hour_key(hours[-1]), metadata)

    return served_outcomes


def _by_hour(tables: Warehouse, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    with tables.session():
        tables.partitions(SERVED_PREDICTIONS, first, first)  # makes the table where there is none yet
        return tables.query(_BY_HOUR, {"first": first, "last": last})


def _numbers(by_hour: pd.DataFrame, hours: pd.DatetimeIndex, read: Any) -> pd.DataFrame:
    """The numbers of each hour, as the UI plots them over time."""
    sums = by_hour.groupby("hour")[["rows", "answers", "flagged", "stale"]].sum().reindex(hours, fill_value=0)
    return pd.DataFrame(
        {
            "dagster/partition_row_count": sums["rows"].astype("int64"),
            "answers": sums["answers"].astype("int64"),
            "flagged_share": sums["flagged"] / sums["rows"].where(sums["rows"] > 0),
            "stale_share": sums["stale"] / sums["rows"].where(sums["rows"] > 0),
            "unread_lines": [_unread(read[hour].values()) for hour in _times(hours)],
        },
        index=hours,
    )


def _times(hours: pd.DatetimeIndex) -> list[datetime]:
    from mlreg_dagster.serving.log.compaction import as_times

    return as_times(hours)


def _unread(segments: Iterable[Any]) -> int:
    return sum(each.torn + each.foreign for each in segments)


def _scores_from(records: Registry, versions: Iterable[str]) -> dict[str, pd.Timestamp]:
    """From which hour on each version may score; a version that is not on record is left out."""
    found = {}
    for version in versions:
        try:
            found[version] = as_hour(records.version(version).manifest["scores_from"])
        except UnknownVersion:
            continue
    return found
