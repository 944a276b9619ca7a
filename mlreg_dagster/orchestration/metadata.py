"""Metadata that assets share: freshness, column schemas, row counts, numbers by partition."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from mlreg_dagster.core.hours import hour_key
from mlreg_dagster.core.untrusted.text import visible
from mlreg_dagster.orchestration.dagster_internals.partition_metadata import add_partition_metadata
from mlreg_dagster.orchestration.page_links import page_link
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.witness import AUDIT_HEAD as AUDIT_HEAD
from mlreg_dagster.storage.warehouse.tables import Table

_LONGEST_CELL = 1000
OWNERS = ["team:mlreg"]
MARKET_ENDS_WITH = "market_ends_with"
"""Definition metadata of market_snapshot: the last hour, where the configuration names an end."""


def fresh_within(hours: float) -> dg.FreshnessPolicy:
    """A policy that fails when the last materialization is older than `hours`, and warns at three quarters."""
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=hours), warn_window=timedelta(hours=0.75 * hours))


def without_alarms(assets: Iterable[dg.AssetsDefinition | dg.AssetSpec]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets without their freshness policies: where no hour is to come, nothing is overdue."""
    return [
        _without_alarm(each) if isinstance(each, dg.AssetSpec) else each.map_asset_specs(_without_alarm)
        for each in assets
    ]


def _without_alarm(spec: dg.AssetSpec) -> dg.AssetSpec:
    return spec.replace_attributes(freshness_policy=None)


def table_metadata(table: Table) -> dict[str, Any]:
    """Definition metadata of an asset that is a table: its name and its columns."""
    columns = [
        dg.TableColumn(
            name,
            type=table.sql_type(name),
            description=spec.description,
            constraints=dg.TableColumnConstraints(nullable=spec.nullable),
        )
        for name, spec in table.columns.items()
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/table_name": table.name,
    }


def report_partitions(context: dg.AssetExecutionContext, keys: Sequence[str], numbers: pd.DataFrame) -> None:
    """Attach to each partition of a range its own numbers, which the UI plots over time.

    Args:
        context: Of the step.
        keys: Of the partitions.
        numbers: A row for each of them, in their order: shares and rates, comparable between partitions. One that is
            not known is left out.
    """
    records = numbers.to_dict("records")
    rows = {
        key: {str(name): value for name, value in record.items() if not pd.isna(value)}
        for key, record in zip(keys, records, strict=True)
    }
    add_partition_metadata(context, rows)


def report_texts(context: dg.AssetExecutionContext, label: str, texts: Mapping[pd.Timestamp, str]) -> None:
    """Attach a text to some hours of a range, under a label."""
    if texts:
        add_partition_metadata(context, {hour_key(hour): {label: text} for hour, text in texts.items()})


def report_hours(
    context: dg.AssetExecutionContext,
    hours: pd.DatetimeIndex,
    frame: pd.DataFrame,
    counted: Mapping[str, pd.DataFrame] | None = None,
    **shares: "pd.Series[Any]",
) -> None:
    """Attach to each hour of a range the number of its rows, and the mean of each of `shares` over them.

    Args:
        context: Of the step.
        hours: The range.
        frame: Its rows.
        counted: Some of the rows, by the label under which their number in each hour is attached.
        shares: By the label that people see, a value for each row; rows without one don't count.
    """
    numbers = pd.DataFrame({name: share.groupby(frame["hour"]).mean() for name, share in shares.items()}, index=hours)
    counts = {
        name: rows["hour"].value_counts().reindex(hours, fill_value=0)
        for name, rows in {"dagster/partition_row_count": frame, **(counted or {})}.items()
    }
    report_partitions(context, list(map(hour_key, hours)), numbers.assign(**counts))


def result_of_range(context: dg.AssetExecutionContext, last: str, metadata: Mapping[str, Any]) -> dg.MaterializeResult:
    """Attach the result of a range to its last partition: a copy on each would fill the event log with pictures.

    Counts are text: the UI would plot the sum over a range beside that of an hour.
    """
    shown = {name: str(value) if isinstance(value, int) else value for name, value in metadata.items()}
    context.add_asset_metadata({**shown, **page_link(context, last)}, partition_key=last)
    return dg.MaterializeResult()


def table_view(rows: Sequence[Mapping[Any, Any]]) -> dg.TableMetadataValue | dg.TextMetadataValue:
    """Rows as a table in the UI; numbers shortened, nulls as a dash."""
    if not rows:
        return dg.MetadataValue.text("none")
    records = [dg.TableRecord({name: _shown(value) for name, value in row.items()}) for row in rows]
    return dg.MetadataValue.table(records, schema=dg.TableSchema([dg.TableColumn(name) for name in rows[0]]))


def _shown(value: Any) -> Any:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, str):
        return visible(value, _LONGEST_CELL)
    return f"{value:.4g}" if isinstance(value, float) else value


def audit_head(registry: Registry) -> str:
    """How long the registry's audit log is, and its newest hash: Dagster's event log is the witness of it."""
    sequence, digest = registry.audit_head()
    return f"{sequence}:{digest}"
