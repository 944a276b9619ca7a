"""The four daily assets of drift, one a family."""

from collections.abc import Callable

import dagster as dg
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import chunked, day_key
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.orchestration.instance.earlier_runs import EVERYTHING, wait_for_earlier_runs
from mlreg_dagster.orchestration.instance.upstream import require_any_made
from mlreg_dagster.orchestration.metadata import OWNERS, report_partitions, result_of_range, table_metadata, table_view
from mlreg_dagster.orchestration.partitions import Partitions, days_of
from mlreg_dagster.orchestration.resources import ArtifactsResource, RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.storage.warehouse.tables import Table
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_SHOWN_DAYS = 60
_DAY = pd.Timedelta(days=1)


def build_drift_assets(settings: Settings, group: str, partitions: Partitions) -> list[dg.AssetsDefinition]:
    """Data quality, features, predictions and concept, by day."""
    return [
        _data_quality(settings, group, partitions),
        _features(settings, group, partitions),
        _predictions(settings, group, partitions),
        _concept(settings, group, partitions),
    ]


def _data_quality(settings: Settings, group: str, partitions: Partitions) -> dg.AssetsDefinition:
    deps = ["market_features"]

    @_daily(
        DATA_QUALITY_DRIFT,
        group,
        partitions,
        deps,
        "The quality of each day's data by exact counts against fixed limits: lost values, the universe, "
        "hours missing at the end, frozen and impossible prices.",
    )
    @retried
    def data_quality_drift(
        context: dg.AssetExecutionContext,
        mlreg_warehouse: WarehouseResource,
        mlreg_registry: RegistryResource,
        mlreg_artifacts: ArtifactsResource,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.monitoring.drift.plots import measures_picture
        from mlreg_dagster.monitoring.drift.reading import data_quality

        _wait(context, settings, DATA_QUALITY_DRIFT.name, deps)
        days, tables = days_of(context), mlreg_warehouse.open()
        require_any_made(context, tables, MARKET_SNAPSHOT, days)
        records, store = mlreg_registry.open(), mlreg_artifacts.open()
        for chunk in chunked(days, settings.ingest.hours_at_once // 24):
            with tables.session():
                _require_table(tables, settings)
                rows = data_quality(tables, records, store, chunk, settings)
                tables.write(DATA_QUALITY_DRIFT, rows, chunk)
            numbers = rows.pivot(index="day", columns="measure", values="value").reindex(chunk)
            _report(context, rows, numbers, chunk)
        recent = _recent(tables, DATA_QUALITY_DRIFT, days[-1])
        newest = recent[recent["day"] == days[-1]]
        shown = newest[["measure", "value", "bad", "severe", "quality", "detail"]]
        return _result(context, days, shown, measures_picture(recent))

    return data_quality_drift


def _features(settings: Settings, group: str, partitions: Partitions) -> dg.AssetsDefinition:
    deps = ["feature_sketch"]

    @_daily(
        FEATURE_DRIFT,
        group,
        partitions,
        deps,
        "Each feature of a day against quiet days: location and spread in their standard deviations, and "
        "what the day before did not announce. Effect sizes are shown and decide nothing.",
    )
    @retried
    def feature_drift(
        context: dg.AssetExecutionContext,
        mlreg_warehouse: WarehouseResource,
        mlreg_registry: RegistryResource,
        mlreg_artifacts: ArtifactsResource,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.monitoring.drift.families.feature import arms_of, limits_of
        from mlreg_dagster.monitoring.drift.plots import feature_heat_map
        from mlreg_dagster.monitoring.drift.reading import features

        _wait(context, settings, FEATURE_DRIFT.name, deps)
        days, tables, limits = days_of(context), mlreg_warehouse.open(), limits_of(settings.drift.detection)
        require_any_made(context, tables, MARKET_SNAPSHOT, days)
        with tables.session():
            _require_table(tables, settings)
            rows = features(tables, mlreg_registry.open(), mlreg_artifacts.open(), days, settings)
            tables.write(FEATURE_DRIFT, rows, days)
        arms = arms_of(rows, limits)
        sizes = rows.assign(
            largest_z=rows[["location_z", "spread_z"]].abs().max(axis=1),
            largest_innovation=rows[["location_innovation", "spread_innovation"]].abs().max(axis=1),
            largest_psi=rows["psi"],
        )
        plotted = ["largest_z", "largest_innovation", "largest_psi", "quiet_days"]
        numbers = sizes.groupby("day")[plotted].max().astype("float64").reindex(days)
        numbers["peak_z_of_short_memory"] = arms["peak"].astype("float64")
        _report(context, rows, numbers, days)
        recent = _recent(tables, FEATURE_DRIFT, days[-1])
        newest = recent[recent["day"] == days[-1]].copy()
        newest["largest"] = newest[["location_z", "spread_z"]].abs().max(axis=1)
        names = ("feature", "location_z", "spread_z", "location_innovation", "spread_innovation", "ks", "psi", "js")
        shown = newest.sort_values("largest", ascending=False)[[*names, "wasserstein", "null_share"]]
        return _result(context, days, shown, feature_heat_map(recent, limits.slow))

    return feature_drift


def _predictions(settings: Settings, group: str, partitions: Partitions) -> dg.AssetsDefinition:
    deps = ["predictions", "feature_sketch"]

    @_daily(
        PREDICTION_DRIFT,
        group,
        partitions,
        deps,
        "What the champion flagged of each day, and of the days of its policy, against its limits; how its "
        "scores spread is shown beside it.",
    )
    @retried
    def prediction_drift(
        context: dg.AssetExecutionContext, mlreg_warehouse: WarehouseResource, mlreg_registry: RegistryResource
    ) -> dg.MaterializeResult:
        from mlreg_dagster.monitoring.drift.plots import share_picture
        from mlreg_dagster.monitoring.drift.reading import predictions

        _wait(context, settings, PREDICTION_DRIFT.name, deps)
        days, tables = days_of(context), mlreg_warehouse.open()
        require_any_made(context, tables, MARKET_SNAPSHOT, days)
        records = mlreg_registry.open()
        for chunk in chunked(days, settings.ingest.hours_at_once // 24):
            with tables.session():
                rows = predictions(tables, records, chunk, settings)
                tables.write(PREDICTION_DRIFT, rows, chunk)
            plotted = ["flagged_share", "window_share", "location", "spread"]
            numbers = rows[rows["is_newest"]].set_index("day")[plotted].reindex(chunk)
            _report(context, rows, numbers, chunk)
        recent = _recent(tables, PREDICTION_DRIFT, days[-1])
        shown = recent[recent["day"] == days[-1]][["model_version", "flagged_share", "window_share", "state", "psi"]]
        return _result(context, days, shown, share_picture(recent))

    return prediction_drift


def _concept(settings: Settings, group: str, partitions: Partitions) -> dg.AssetsDefinition:
    deps = ["model_worth"]

    @_daily(
        CONCEPT_DRIFT,
        group,
        partitions,
        deps,
        "Whether the champion has become worse by matured outcomes: against its predecessor, the "
        "challenger or the best simple ranking on the same rows, with what could have been found.",
    )
    @retried
    def concept_drift(
        context: dg.AssetExecutionContext, mlreg_warehouse: WarehouseResource, mlreg_registry: RegistryResource
    ) -> dg.MaterializeResult:
        from mlreg_dagster.monitoring.drift.plots import difference_picture
        from mlreg_dagster.monitoring.drift.reading import concepts

        _wait(context, settings, CONCEPT_DRIFT.name, deps)
        days, tables = days_of(context), mlreg_warehouse.open()
        require_any_made(context, tables, MARKET_SNAPSHOT, days)
        with tables.session():
            rows = concepts(tables, mlreg_registry.open(), days, settings)
            tables.write(CONCEPT_DRIFT, rows, days)
        plotted = ["difference", "detectable", "recall", "opponent_recall", "episodes"]
        numbers = rows[rows["decides"]].set_index("day")[plotted].astype("float64").reindex(days)
        _report(context, rows, numbers, days)
        recent = _recent(tables, CONCEPT_DRIFT, days[-1])
        shown = recent[recent["day"] == days[-1]]
        names = ["opponent", "kind", "decides", "episodes", "difference", "low", "high", "detectable", "verdict"]
        return _result(context, days, shown[names], difference_picture(recent))

    return concept_drift


def _daily(
    table: Table, group: str, partitions: Partitions, deps: list[str], description: str
) -> Callable[[Callable[..., dg.MaterializeResult]], dg.AssetsDefinition]:
    """An asset of a family: rows of its table, by day."""
    return dg.asset(
        group_name=group,
        partitions_def=partitions.daily,
        backfill_policy=partitions.days_by_run,
        owners=OWNERS,
        kinds={"duckdb", "numpy"},
        metadata=table_metadata(table),
        deps=deps,
        description=description,
    )


def _wait(context: dg.AssetExecutionContext, settings: Settings, own: str, deps: list[str]) -> None:
    """Days are judged by those before them, whose runs come first."""
    wait_for_earlier_runs(context, settings.automation, dict.fromkeys([own, *deps], EVERYTHING))


def _recent(tables: Warehouse, table: Table, day: pd.Timestamp) -> pd.DataFrame:
    """The rows of the days that pictures show, up to a day."""
    return tables.read(table, day - _SHOWN_DAYS * _DAY, day)


def _require_table(tables: Warehouse, settings: Settings) -> None:
    """The table of features is there from now on."""
    tables.newest(features_table(settings.features))


def _report(
    context: dg.AssetExecutionContext, rows: pd.DataFrame, numbers: pd.DataFrame, days: pd.DatetimeIndex
) -> None:
    counts = rows["day"].value_counts().reindex(days, fill_value=0)
    report_partitions(context, list(map(day_key, days)), numbers.assign(**{"dagster/partition_row_count": counts}))


def _result(
    context: dg.AssetExecutionContext, days: pd.DatetimeIndex, newest: pd.DataFrame, picture: str
) -> dg.MaterializeResult:
    metadata = {
        "days": len(days),
        "newest_day": table_view(newest.to_dict("records")),
        "recent_days": dg.MetadataValue.md(picture),
    }
    return result_of_range(context, day_key(days[-1]), metadata)
