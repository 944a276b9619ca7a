"""Which hours runs have written, as Dagster's event log tells, and which of them a table does not hold any more."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pandas as pd

from mlreg_dagster.core.hours import as_hour, hour_key

_ROWS = "dagster/partition_row_count"
_PAGE = 500


def written_hours(instance: dg.DagsterInstance, asset: str) -> pd.DatetimeIndex:
    """The hours of an hourly asset that were materialized, ascending."""
    keys = instance.get_materialized_partitions(dg.AssetKey(asset))
    return pd.DatetimeIndex([as_hour(key) for key in keys], dtype="datetime64[us, UTC]").sort_values()


def made_partitions(instance: dg.DagsterInstance, asset: str) -> frozenset[str]:
    """The partitions of an asset that were materialized."""
    return frozenset(instance.get_materialized_partitions(dg.AssetKey(asset)))


def made_versions(instance: dg.DagsterInstance) -> frozenset[str]:
    """The model versions that runs have trained or evaluated."""
    return made_partitions(instance, "candidate_model") | made_partitions(instance, "evaluated_model")


def lost_hours(
    instance: dg.DagsterInstance, asset: str, hours: pd.DatetimeIndex, stored: pd.DatetimeIndex
) -> pd.DatetimeIndex:
    """The hours for which a run wrote rows that the table does not hold.

    Args:
        instance: Whose event log is asked.
        asset: An hourly asset.
        hours: Hours to look at; those that were never materialized do not matter.
        stored: The hours of which the asset's table holds rows.
    """
    absent = written_hours(instance, asset).intersection(hours).difference(stored)
    keys = list(map(hour_key, absent))
    with_rows = {
        key for start in range(0, len(keys), _PAGE) for key in _with_rows(instance, asset, keys[start : start + _PAGE])
    }
    return absent[[key in with_rows for key in keys]]


def _with_rows(instance: dg.DagsterInstance, asset: str, keys: Sequence[str]) -> set[str]:
    """The partitions whose newest materialization says that rows were written."""
    wanted, rows = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=keys), dict[str, Any]()
    cursor = None
    while len(rows) < len(keys):
        page = instance.fetch_materializations(wanted, limit=_PAGE, cursor=cursor)  # the newest first
        for record in page.records:
            event = record.asset_materialization
            if event is not None and event.partition is not None:
                row_count = event.metadata.get(_ROWS)
                rows.setdefault(event.partition, None if row_count is None else row_count.value)
        if not page.has_more:
            break
        cursor = page.cursor
    return {key for key, number in rows.items() if number}
