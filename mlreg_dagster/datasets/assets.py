"""The daily datasets: frozen files with their lineage."""

from typing import Any

import dagster as dg
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.pictures import coverage_picture
from mlreg_dagster.datasets.windows import Window, windows_of
from mlreg_dagster.hours import HOUR, day_key
from mlreg_dagster.market.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.orchestration.metadata import OWNERS, table_metadata
from mlreg_dagster.orchestration.partitions import Partitions, day_of
from mlreg_dagster.orchestration.resources import ArtifactsResource, WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.storage.artifacts import ArtifactStore

GROUP = "datasets"


def build_dataset_assets(settings: Settings, partitions: Partitions) -> list[dg.AssetsDefinition]:
    """Training and holdout, partitioned by the day that they end with."""
    return [_training_dataset(settings, partitions), _eval_holdout(settings, partitions)]


def _training_dataset(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition:
    table = features_table(settings.features)

    @dg.asset(
        name=freezing.TRAINING,
        group_name=GROUP,
        partitions_def=partitions.daily,
        owners=OWNERS,
        kinds={"parquet"},
        metadata={"dagster/column_schema": table_metadata(table)["dagster/column_schema"]},
        deps=["market_features"],
        description="Frozen feature rows to train on: the week that ends with the day, without its holdout.",
    )
    @retried
    def training_dataset(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, artifacts: ArtifactsResource
    ) -> dg.MaterializeResult:
        day, store = day_of(context), artifacts.open()
        window = windows_of(day, settings.datasets).training
        features = warehouse.open().read(table, window.first, window.end - HOUR)
        if _exists(context, store, freezing.TRAINING, day):
            return _result(store, freezing.TRAINING, day, window, features)
        rows = freezing.select_training_rows(features, window, settings.datasets)
        lineage = freezing.describe_lineage(rows, window, features, settings.features)
        freezing.freeze(store, freezing.TRAINING, day_key(day), rows, lineage)
        return _result(store, freezing.TRAINING, day, window)

    return training_dataset


def _eval_holdout(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition:
    table = features_table(settings.features)
    lookback = settings.max_lookback_hours

    @dg.asset(
        name=freezing.HOLDOUT,
        group_name=GROUP,
        partitions_def=partitions.daily,
        owners=OWNERS,
        kinds={"parquet"},
        metadata={"dagster/column_schema": table_metadata(table)["dagster/column_schema"]},
        deps=["market_features", "market_snapshot"],
        description="Frozen feature rows to judge models by, and the market behind them to plant anomalies into.",
    )
    @retried
    def eval_holdout(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, artifacts: ArtifactsResource
    ) -> dg.MaterializeResult:
        day, store, tables = day_of(context), artifacts.open(), warehouse.open()
        window = windows_of(day, settings.datasets).holdout
        features = tables.read(table, window.first, window.end - HOUR)
        if _exists(context, store, freezing.HOLDOUT, day):
            return _result(store, freezing.HOLDOUT, day, window, features)
        rows = freezing.select_holdout_rows(features, window, settings.datasets)
        market = tables.read(MARKET_SNAPSHOT, window.first - lookback * HOUR, window.end - HOUR)
        lineage = freezing.describe_lineage(rows, window, features, settings.features)
        freezing.freeze(store, freezing.HOLDOUT, day_key(day), rows, lineage, market)
        return _result(store, freezing.HOLDOUT, day, window)

    return eval_holdout


def _exists(context: dg.AssetExecutionContext, store: ArtifactStore, kind: str, day: pd.Timestamp) -> bool:
    """A dataset is frozen once; what changed in the market since then goes into later ones."""
    exists = store.find(kind, day_key(day)) is not None
    if exists:
        context.log.warning(f"{kind} {day_key(day)} is frozen already and stays as it is.")
    return exists


def _result(
    store: ArtifactStore, kind: str, day: pd.Timestamp, window: Window, features: pd.DataFrame | None = None
) -> dg.MaterializeResult:
    """What a frozen dataset is; `features` are those of today, if it was frozen earlier."""
    dataset = freezing.load(store, kind, day_key(day))
    lineage = dataset.lineage
    changed = 0 if features is None else freezing.changed_hours(lineage, features)
    metadata: dict[str, Any] = {
        "dagster/partition_row_count": lineage["rows"],
        "sha256": dataset.sha256,
        "window": str(dataset.window),
        "instruments": lineage["instruments"],
        "instruments_left_out": lineage["instruments_left_out"],
        "hours": f"{lineage['hours_with_rows']} of {lineage['hours_in_window']}",
        "hours_changed_since_frozen": changed,
        "feature_settings": lineage["feature_settings"],
        "feature_fingerprint": lineage["feature_fingerprint"],
        "uri": store.find(kind, day_key(day)).uri,  # type: ignore[union-attr]
        "coverage": dg.MetadataValue.md(coverage_picture(dataset.rows, window)),
    }
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(dataset.sha256))
