"""The events of many partitions in few transactions, for any SQL event log of Dagster.

A range of a week is hundreds of events, and the stock storages settle each of them on its own, several times. See
docs/decisions/0011 and 0057.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster import DagsterEventType, EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

BATCH_SIZE = 1000
"""Events a transaction; what a killed run had in its buffer is made again by the next run."""

_EVENTS = SqlEventLogStorageTable
_INDEXED = {DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_MATERIALIZATION_PLANNED}


class BatchedEventLog(SqlEventLogStorage):
    """A stock event log, put before it among the bases, whose batches are one transaction."""

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of one run; materializations, done or planned, in their order."""
        indexed = [event for event in events if event.dagster_event_type in _INDEXED]
        for event in events:
            if event.dagster_event_type not in _INDEXED:
                self.store_event(event)
        if not indexed:
            return
        rows = [self._event_to_row(event) for event in indexed]
        with self._batch_of(rows) as connection:
            insert = sa.insert(_EVENTS).returning(_EVENTS.c.id, sort_by_parameter_order=True)
            ids = list(connection.execute(insert, rows).scalars())
            self._store_asset_event_tags(connection, indexed, ids)
            newest = {event.get_dagster_event().asset_key: number for number, event in enumerate(indexed)}
            for number in newest.values():  # the row of an asset shows its last event alone
                self._store_asset_event(connection, indexed[number], ids[number])
            self._tell_watchers(connection, indexed[0].run_id, ids)

    @contextmanager
    def _batch_of(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[sa.Connection]:
        """The transaction of the table that all questions about assets are asked of."""
        del rows
        with self.index_transaction() as connection:
            yield connection

    def _tell_watchers(self, connection: sa.Connection, run_id: str, ids: Sequence[int]) -> None:
        """Tell those who wait for events, where the database can."""

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        """As the stock storages do, which serialize the event and bind each value again for each partition."""
        planned: Any = event.get_dagster_event().event_specific_data
        subset = planned.partitions_subset
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": dg.serialize_value(event),
            "evaluation_event_timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            "evaluation_event_storage_id": event_id,
        }
        rows = [{**row, "partition": key} for key in (subset.get_partition_keys() if subset else [None])]
        with self.index_transaction() as connection:
            connection.execute(sa.insert(AssetCheckExecutionsTable), rows)
