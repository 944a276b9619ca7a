"""Dagster's own PostgreSQL storage, with events in batches, one daemon between all hosts, and the driver that works.

The tables are those of the stock storage: either can read what the other wrote. See docs/decisions/0057.
"""

import os
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from dagster._core.storage.config import pg_config
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.event_log.event_log import CHANNEL_NAME
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from mlreg_dagster.orchestration.dagster_internals.batched_events import BATCH_SIZE, BatchedEventLog
from mlreg_dagster.orchestration.dagster_internals.one_daemon import OneDaemon, refuse_a_second_dev
from mlreg_dagster.orchestration.dagster_internals.version_guard import is_tried
from mlreg_dagster.orchestration.locks.daemon_between_hosts import DaemonLockBetweenHosts

_DRIVER = "postgresql+psycopg2"
_NOTIFY = sa.text("SELECT pg_notify(:channel, :run || '_' || id) FROM unnest(CAST(:ids AS bigint[])) AS told(id)")


class BatchedPostgresEventLogStorage(BatchedEventLog, PostgresEventLogStorage):
    """The stock event log, but a batch is one transaction, also of what is planned."""

    def _tell_watchers(self, connection: sa.Connection, run_id: str, ids: Sequence[int]) -> None:
        """As the stock storage tells of each event, for programs of older releases that listen."""
        connection.execute(_NOTIFY, {"channel": CHANNEL_NAME, "run": run_id, "ids": list(ids)})


class OneDaemonPostgresRunStorage(OneDaemon, PostgresRunStorage):
    """The stock storage of runs, of one daemon."""

    def __init__(self, url: str, *args: Any, **options: Any) -> None:
        super().__init__(url, *args, **options)
        self._daemon = DaemonLockBetweenHosts(url)


class BatchedPostgresStorage(DagsterPostgresStorage):
    """Dagster's PostgreSQL storage around the batched event log, for one daemon at a time.

    Named in dagster.yaml under `storage: custom`, with the settings of Dagster's own `storage: postgres`.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: Any = None,
        token_provider: Any = None,
    ) -> None:
        refuse_a_second_dev(DaemonLockBetweenHosts(postgres_url))
        super().__init__(postgres_url, should_autocreate_tables, inst_data, token_provider)
        settings = {"should_autocreate_tables": should_autocreate_tables, "token_provider": token_provider}
        self._run_storage = OneDaemonPostgresRunStorage(postgres_url, **settings)
        self._event_log_storage = BatchedPostgresEventLogStorage(postgres_url, **settings)
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(BATCH_SIZE))  # Dagster batches only when told so

    @classmethod
    def config_type(cls) -> Any:
        """The settings of the stock storage."""
        return pg_config()

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Any:
        """As Dagster makes it from dagster.yaml; with a version that is not tried, Dagster's own storage."""
        chosen = cls if is_tried() else DagsterPostgresStorage
        return chosen(
            with_driver(pg_url_from_config(config_value)),
            config_value.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config_value),
        )


def with_driver(url: str) -> str:
    """The URL with the driver that Dagster's statements are written for: psycopg 3 refuses its NOTIFY at each event."""
    scheme, separator, rest = url.partition("://")
    return f"{_DRIVER}://{rest}" if separator and scheme in {"postgresql", "postgres", "postgresql+psycopg"} else url
