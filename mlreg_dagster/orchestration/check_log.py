"""The results of asset checks, as Dagster's event log remembers them.

They stand in a table of their own, which outlives the step logs of the runs. Dagster's Python API has no public
call for it, so the storage is asked.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import dagster as dg
import pandas as pd
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    AssetCheckExecutionRecord,
)

_PAGE = 500


def check_results(
    instance: dg.DagsterInstance, keys: Collection[dg.AssetCheckKey], first: pd.Timestamp, until: pd.Timestamp
) -> Iterator[dict[str, Any]]:
    """Every result of these checks within `first … until` (`until` excluded), those of each check the newest first.

    Yields:
        recorded_at, asset, check, partition, passed, severity, description, values, run_id.
    """
    for key in keys:
        for record in _history(instance, key, first):
            if pd.Timestamp(_written(record), unit="s", tz="UTC") < until:
                yield _row(record)


def latest_results(
    instance: dg.DagsterInstance, keys: Collection[dg.AssetCheckKey]
) -> dict[dg.AssetCheckKey, dict[str, Any]]:
    """The newest result of each check that has one; the rows are those of `check_results`."""
    found = {}
    for key in keys:
        newest = instance.event_log_storage.get_asset_check_execution_history(
            key, limit=1, status=set(COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES)
        )
        if newest:
            found[key] = _row(newest[0])
    return found


def _history(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, first: pd.Timestamp
) -> Iterator[AssetCheckExecutionRecord]:
    cursor = None
    while True:
        page = instance.event_log_storage.get_asset_check_execution_history(
            key, limit=_PAGE, cursor=cursor, status=set(COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES)
        )
        yield from (record for record in page if _written(record) >= first.timestamp())
        if len(page) < _PAGE or all(_written(record) < first.timestamp() for record in page):
            return
        cursor = page[-1].id


def _written(record: AssetCheckExecutionRecord) -> float:
    return record.event.timestamp if record.event else record.create_timestamp


def _row(record: AssetCheckExecutionRecord) -> dict[str, Any]:
    said = record.evaluation
    assert said is not None  # noqa: S101 - a completed check has its evaluation
    return {
        "recorded_at": pd.Timestamp(_written(record), unit="s", tz="UTC").floor("us"),
        "asset": record.key.asset_key.to_user_string(),
        "check": record.key.name,
        "partition": record.partition or said.partition or "",
        "passed": said.passed,
        "severity": said.severity.value,
        "description": said.description or "",
        "values": _plain(said.metadata),
        "run_id": record.run_id,
    }


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Values that are a word or a number."""
    return {name: value.value for name, value in metadata.items() if isinstance(value.value, str | int | float)}
