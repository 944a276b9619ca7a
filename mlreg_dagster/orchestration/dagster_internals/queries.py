"""Facts that Dagster holds and its public API does not give."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy
from dagster._core.log_manager import get_log_record_metadata, has_log_record_metadata
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    AssetCheckExecutionRecord,
)

CheckExecution = AssetCheckExecutionRecord

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

    Job = dg.JobDefinition | UnresolvedAssetJobDefinition


def completed_checks(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, limit: int, cursor: int | None = None
) -> Sequence[CheckExecution]:
    """The executions of a check that have a result, the newest first; `cursor` is the id of the last one seen."""
    return instance.event_log_storage.get_asset_check_execution_history(
        key, limit=limit, cursor=cursor, status=set(COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES)
    )


def fail_window(policy: dg.FreshnessPolicy | None) -> timedelta | None:
    """How old an asset may become by its policy; None where it has none, or one of another kind."""
    return policy.fail_window.to_timedelta() if isinstance(policy, TimeWindowFreshnessPolicy) else None


def run_metadata(record: logging.LogRecord) -> Mapping[str, Any] | None:
    """What Dagster attaches to a record that a run logs; None for any other record."""
    return get_log_record_metadata(record) if has_log_record_metadata(record) else None


def step_log(instance: dg.DagsterInstance, run_id: str) -> Path | None:
    """The file of the events of one run; None where the event log is one database."""
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

    storage = instance.event_log_storage
    return Path(storage.path_for_shard(run_id)) if isinstance(storage, SqliteEventLogStorage) else None
