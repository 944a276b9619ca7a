"""The asset `model_worth`: whether versions are worth having, by their matured outcomes, as of each day."""

from typing import Any

import dagster as dg
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, chunked, day_key
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration.instance.earlier_runs import EVERYTHING, wait_for_earlier_runs
from mlreg_dagster.orchestration.instance.upstream import require_any_made
from mlreg_dagster.orchestration.metadata import OWNERS, report_partitions, result_of_range, table_metadata, table_view
from mlreg_dagster.orchestration.partitions import Partitions, days_of
from mlreg_dagster.orchestration.resources import WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth.schema import MODEL_WORTH

_SHOWN = ("model_version", "opponent", "verdict", "precision", "opponent_precision", "precision_difference")
_PLOTTED = ("precision_difference", "recall_difference", "average_precision_difference")


def build_worth_asset(settings: Settings, group: str, partitions: Partitions) -> dg.AssetsDefinition:
    """The asset, by day."""

    @dg.asset(
        group_name=group,
        partitions_def=partitions.daily,
        backfill_policy=partitions.days_by_run,
        owners=OWNERS,
        kinds={"duckdb", "numpy"},
        metadata=table_metadata(MODEL_WORTH),
        deps=["prediction_outcomes"],
        description="Each version against the simple rankings and the champions, on the same rows at the same flag "
        "budget, by all outcomes that were due at the end of the day: better, not worse, worse or unknown.",
    )
    @retried
    def model_worth(context: dg.AssetExecutionContext, mlreg_warehouse: WarehouseResource) -> dg.MaterializeResult:
        from mlreg_dagster.outcomes.worth import daily, record

        looks_back = dict.fromkeys((MODEL_WORTH.name, PREDICTION_OUTCOMES.name), EVERYTHING)
        wait_for_earlier_runs(context, settings.automation, looks_back)
        days, tables, horizon = days_of(context), mlreg_warehouse.open(), settings.outcomes.horizon_hours
        require_any_made(context, tables, MARKET_SNAPSHOT, days)
        verdicts = pd.DataFrame()
        for chunk in chunked(days, settings.scored_hours_at_once // 24):
            last_hour = chunk[-1] + 23 * HOUR
            asked = [day for day in chunk if daily.asks_for_verdict(day, horizon) or day == days[-1]]
            with tables.session():
                first = daily.first_outcome_hour(chunk[0], horizon)
                outcomes = tables.read(PREDICTION_OUTCOMES, first, last_hour, columns=daily.ROWS)
                counted = daily.count_days(outcomes, chunk, settings.outcomes)
                earlier = tables.read(MODEL_WORTH, None, chunk[0] - pd.Timedelta(days=1))
                crashes = daily.crashes_by_version(record.crashes_of_versions(tables, last_hour))
                rows = daily.rows_with_verdicts(counted, earlier, crashes, asked, settings.outcomes)
                tables.write(MODEL_WORTH, rows, chunk)
            _report(context, rows, chunk)
            verdicts = rows[rows["verdict"].notna()] if len(rows) else rows
        newest = verdicts[verdicts["day"] == verdicts["day"].max()] if len(verdicts) else verdicts
        metadata: dict[str, Any] = {
            "days": len(days),
            "comparisons": table_view(newest[list(_SHOWN)].to_dict("records") if len(newest) else []),
            "worth": dg.MetadataValue.md(_sentences(newest)),
        }
        return result_of_range(context, day_key(days[-1]), metadata)

    return model_worth


def _report(context: dg.AssetExecutionContext, rows: pd.DataFrame, days: pd.DatetimeIndex) -> None:
    """To each day how the champions stand against the best ranking, which the UI plots over time."""
    best = rows[(rows["model_version"] == CHAMPION) & rows["is_best"]].drop_duplicates("day").set_index("day")
    numbers = best[list(_PLOTTED)].astype("float64").reindex(days)
    counts = rows["day"].value_counts().reindex(days, fill_value=0)
    report_partitions(context, list(map(day_key, days)), numbers.assign(**{"dagster/partition_row_count": counts}))


def _sentences(newest: pd.DataFrame) -> str:
    if newest.empty:
        return "No outcome of a prediction has fallen due yet."
    return "\n\n".join(newest["sentence"].dropna().unique())
