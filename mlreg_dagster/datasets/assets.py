"""The daily datasets: frozen files with their lineage."""

from typing import Any

import dagster as dg
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, day_key
from mlreg_dagster.datasets import freezing, labels
from mlreg_dagster.datasets.changes import compare
from mlreg_dagster.datasets.choosing import KNOWN_WITHIN, choose_holdout, choose_labelled, choose_training, read_from
from mlreg_dagster.datasets.low_quality import LEFT_OUT, LeftOut, left_out_in_words, recorded, without_left_out
from mlreg_dagster.datasets.plots import coverage_picture
from mlreg_dagster.datasets.source_record import SOURCE, describe_source
from mlreg_dagster.datasets.weekdays import weekdays_of
from mlreg_dagster.datasets.windows import labelled_window, windows_of
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.orchestration.instance.earlier_runs import EVERYTHING, wait_for_earlier_runs
from mlreg_dagster.orchestration.instance.provenance import SHA256, is_recorded
from mlreg_dagster.orchestration.metadata import OWNERS, table_metadata
from mlreg_dagster.orchestration.partitions import Partitions, day_of
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import ArtifactFrozen, ArtifactStore
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

GROUP = "datasets"
_LOOKS_BACK = dict.fromkeys(("market_features", "market_snapshot"), EVERYTHING)  # a frozen file is never made again

_SHOWN = ("rows", "unresolved", "crashes", "episodes")
"""What is shown of labelled rows."""


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
        deps=["market_features", *(["market_snapshot"] if settings.datasets.label_days else [])],
        description="Frozen feature rows to train on: the days before the holdout, which ends with the day.",
    )
    @retried
    def training_dataset(
        context: dg.AssetExecutionContext,
        mlreg_warehouse: WarehouseResource,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
        mlreg_clock: Clock,
    ) -> dg.MaterializeResult:
        wait_for_earlier_runs(context, settings.automation, _LOOKS_BACK)
        day, store = day_of(context), mlreg_artifacts.open()
        window, tables = windows_of(day, settings.datasets).training, mlreg_warehouse.open()
        features = tables.read(table, read_from(window, settings.datasets), window.end - HOUR)
        if _is_made(context, store, mlreg_registry.open(), freezing.TRAINING, day):
            return _result(store, freezing.TRAINING, day, features)
        choice = choose_training(features, window, settings, mlreg_clock.now())
        _warn(context, choice.left_out)
        rows = freezing.select_training_rows(choice.features, choice.window, settings.datasets)
        lineage = freezing.describe_lineage(rows, choice.window, features, settings.features)
        labelled, described = _labelled(settings, day, tables)
        lineage |= recorded(choice.left_out, settings.datasets) | described
        lineage |= describe_source(tables, choice.window, settings.ingest)
        _freeze(store, freezing.TRAINING, day, rows, lineage, None, labelled)
        return _result(store, freezing.TRAINING, day)

    return training_dataset


def _labelled(settings: Settings, day: pd.Timestamp, tables: Warehouse) -> tuple[pd.DataFrame | None, dict[str, Any]]:
    """The labelled rows of a dataset, and what its lineage says of them; nothing where none are asked for."""
    from mlreg_dagster.market.crashes import FALL_HOURS

    window = labelled_window(day, settings.datasets, settings.outcomes.horizon_hours)
    if window is None:
        return None, {}
    features = tables.read(features_table(settings.features), window.first - KNOWN_WITHIN, window.end - HOUR)
    choice = choose_labelled(features, window, settings)
    prices = tables.read(
        MARKET_SNAPSHOT,
        window.first - FALL_HOURS * HOUR,
        window.end - HOUR,
        columns=["hour", "instrument_id", "price"],
    )
    rows = labels.select_rows_to_label(choice.features, window, settings.datasets, settings.features)
    labelled = labels.label_rows(rows, prices, window, settings.outcomes)
    holdout = windows_of(day, settings.datasets).holdout
    described = labels.describe_labels(labelled, features, window, holdout, settings.outcomes)
    described |= recorded(choice.left_out, settings.datasets) | describe_source(tables, window, settings.ingest)
    return labelled, {labels.LABELS: described}


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
        context: dg.AssetExecutionContext,
        mlreg_warehouse: WarehouseResource,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
        mlreg_clock: Clock,
    ) -> dg.MaterializeResult:
        wait_for_earlier_runs(context, settings.automation, _LOOKS_BACK)
        day, store, tables = day_of(context), mlreg_artifacts.open(), mlreg_warehouse.open()
        window = windows_of(day, settings.datasets).holdout
        features = tables.read(table, window.first - KNOWN_WITHIN, window.end - HOUR)
        if _is_made(context, store, mlreg_registry.open(), freezing.HOLDOUT, day):
            return _result(store, freezing.HOLDOUT, day, features)
        choice = choose_holdout(features, window, settings, mlreg_clock.now())
        _warn(context, choice.left_out)
        rows = freezing.select_holdout_rows(choice.features, window, settings.datasets)
        market = tables.read(MARKET_SNAPSHOT, window.first - lookback * HOUR, window.end - HOUR)
        lineage = freezing.describe_lineage(rows, window, features, settings.features)
        lineage |= recorded(choice.left_out, settings.datasets) | describe_source(tables, window, settings.ingest)
        market = without_left_out(market, lineage.get(LEFT_OUT)).reset_index(drop=True)
        _freeze(store, freezing.HOLDOUT, day, rows, lineage, market)
        return _result(store, freezing.HOLDOUT, day)

    return eval_holdout


def _is_made(
    context: dg.AssetExecutionContext, store: ArtifactStore, registry: Registry, kind: str, day: pd.Timestamp
) -> bool:
    """Whether an earlier run froze the dataset. It is frozen once; what changed in the market goes into later ones.

    Files that no record names may have been put there by anyone: they have to be the ones that this run makes.
    """
    frozen = store.find(kind, day_key(day))
    if frozen is None or not is_recorded(context.instance, registry, kind, day_key(day), frozen.sha256):
        return False
    context.log.warning(f"{kind} {day_key(day)} is frozen already and stays as it is.")
    return True


def _freeze(store: ArtifactStore, kind: str, day: pd.Timestamp, *made: Any) -> None:
    try:
        freezing.freeze(store, kind, day_key(day), *made)
    except ArtifactFrozen as error:
        raise ArtifactFrozen(
            f"{error} No record names what lies there, and it is not what the tables give, so it is not used. Move "
            f"{store.root / kind / day_key(day)} away, then run this again."
        ) from error


def _warn(context: dg.AssetExecutionContext, left_out: LeftOut) -> None:
    if left_out:
        context.log.warning(str(left_out))


def _result(
    store: ArtifactStore, kind: str, day: pd.Timestamp, features: pd.DataFrame | None = None
) -> dg.MaterializeResult:
    """What a frozen dataset is; `features` are those of today, if it was frozen earlier."""
    dataset = freezing.load(store, kind, day_key(day))
    lineage = dataset.lineage
    left_out = lineage.get(LEFT_OUT)
    changes = None if features is None else compare(kind, dataset, features)
    metadata: dict[str, Any] = {
        "dagster/partition_row_count": lineage["rows"],
        SHA256: dataset.sha256,
        "window": str(dataset.window),
        "instruments": lineage["instruments"],
        "instruments_left_out": lineage["instruments_left_out"],
        "days_left_out": len(left_out["days"]) if left_out else 0,
        "rows_left_out_for_low_quality": left_out["rows"] if left_out else 0,
        "low_quality": left_out_in_words(left_out),
        "hours": f"{lineage['hours_with_rows']} of {lineage['hours_in_window']}",
        "weekdays": ", ".join(weekdays_of(dataset.rows)),
        "hours_changed_since_frozen": len(changes.changed) if changes else 0,
        "hours_gone_since_frozen": len(changes.gone) if changes else 0,
        "changes_since_frozen": str(changes) if changes else "It was frozen just now.",
        "source": ", ".join(lineage.get(SOURCE, {}).get("hours", ())) or "not recorded",
        "feature_settings": lineage["feature_settings"],
        "feature_fingerprint": lineage["feature_fingerprint"],
        "uri": store.find(kind, day_key(day)).uri,  # type: ignore[union-attr]
        "coverage": dg.MetadataValue.md(coverage_picture(dataset.rows, dataset.window)),
        **{f"labelled_{name}": lineage[labels.LABELS][name] for name in _SHOWN if labels.LABELS in lineage},
    }
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(dataset.sha256))
