"""Metadata of many partitions of a range at once."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator

from mlreg_dagster.orchestration.dagster_internals.version_guard import is_tried


def add_partition_metadata(context: dg.AssetExecutionContext, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Attach metadata to partitions, as `context.add_asset_metadata` does for one.

    That copies what was added before and lists all partitions of a run each time: for the hours of a year it took
    longer than all else together.

    Args:
        context: Of the step.
        rows: By partition key.
    """
    if not is_tried():
        for key, row in rows.items():
            context.add_asset_metadata(row, partition_key=key)
        return
    step = context.get_step_execution_context()
    before = step._metadata_accumulator.per_output_metadata
    added: dict[Any, Mapping[str, Any]] = {}
    for key, row in rows.items():
        handle = AssetMetadataHandle(asset_key=context.asset_key, partition_key=key)
        added[handle] = {**before.get(handle, {}), **row}
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata={**before, **added})
