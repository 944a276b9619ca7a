"""The results of asset checks, as Dagster's event log holds them; they outlive the step logs of the runs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from mlreg_dagster.orchestration.dagster_internals.queries import CheckExecution, completed_checks
from mlreg_dagster.orchestration.partitions import partitions_in_tags

_PAGE = 500
_RUNS = 500  # asked for at once


def check_results(
    instance: dg.DagsterInstance, keys: Collection[dg.AssetCheckKey], first: pd.Timestamp, until: pd.Timestamp
) -> list[dict[str, Any]]:
    """Every result of these checks within `first … until` (`until` excluded), those of each check the newest first.

    Returns:
        recorded_at, asset, check, partition, passed, severity, description, values, run_id; where a check has no
        partitions, that of its run, or the range of them.
    """
    records = (record for key in keys for record in _history(instance, key, first))
    rows = [_row(record) for record in records if pd.Timestamp(_written(record), unit="s", tz="UTC") < until]
    ranges = _partitions_of(instance, sorted({row["run_id"] for row in rows if not row["partition"]}))
    return [row | {"partition": row["partition"] or ranges.get(row["run_id"]) or ""} for row in rows]


def latest_results(
    instance: dg.DagsterInstance, keys: Collection[dg.AssetCheckKey]
) -> dict[dg.AssetCheckKey, dict[str, Any]]:
    """The newest result of each check that has one; the rows are those of `check_results`."""
    found = {}
    for key in keys:
        if newest := completed_checks(instance, key, limit=1):
            found[key] = _row(newest[0])
    return found


def _history(instance: dg.DagsterInstance, key: dg.AssetCheckKey, first: pd.Timestamp) -> Iterator[CheckExecution]:
    cursor = None
    while True:
        page = completed_checks(instance, key, _PAGE, cursor)
        yield from (record for record in page if _written(record) >= first.timestamp())
        if len(page) < _PAGE or all(_written(record) < first.timestamp() for record in page):
            return
        cursor = page[-1].id


def _partitions_of(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> dict[str, str | None]:
    found = {}
    for start in range(0, len(run_ids), _RUNS):
        for run in instance.get_runs(dg.RunsFilter(run_ids=list(run_ids[start : start + _RUNS]))):
            found[run.run_id] = partitions_in_tags(run.tags)
    return found


def _written(record: CheckExecution) -> float:
    return record.event.timestamp if record.event else record.create_timestamp


def _row(record: CheckExecution) -> dict[str, Any]:
    evaluation = record.evaluation
    assert evaluation is not None  # noqa: S101 - a completed check has its evaluation
    return {
        "recorded_at": pd.Timestamp(_written(record), unit="s", tz="UTC").floor("us"),
        "asset": record.key.asset_key.to_user_string(),
        "check": record.key.name,
        "partition": record.partition or evaluation.partition or "",
        "passed": evaluation.passed,
        "severity": evaluation.severity.value,
        "description": evaluation.description or "",
        "values": _plain(evaluation.metadata),
        "run_id": record.run_id,
    }


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Values that are a word or a number."""
    return {name: value.value for name, value in metadata.items() if isinstance(value.value, str | int | float)}
