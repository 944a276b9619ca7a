"""Dagster's own SQLite storage, with the events of many partitions written in one transaction.

A range of a week is hundreds of events, and the stock storage waits for the disk several times at each of them. The
files are those of the stock storage: either can read what the other wrote. See docs/decisions/0011.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS as _PATIENCE_S
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from mlreg_dagster.orchestration.dagster_internals.batched_events import BATCH_SIZE, BatchedEventLog
from mlreg_dagster.orchestration.dagster_internals.one_daemon import OneDaemonRunStorage, refuse_a_second_dev
from mlreg_dagster.orchestration.dagster_internals.version_guard import is_tried
from mlreg_dagster.orchestration.locks.daemon import DaemonLock


class BatchedSqliteEventLogStorage(BatchedEventLog, SqliteEventLogStorage):
    """The stock event log, but a batch is one transaction a file instead of three for each event."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: dict[str, sa.Engine] = {}
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _batch_of(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[sa.Connection]:
        """The file of the run keeps the rows, too."""
        with self.run_connection(rows[0]["run_id"]) as connection:
            connection.execute(sa.insert(SqlEventLogStorageTable), list(rows))
        with self.index_transaction() as connection:
            yield connection

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> sa.Engine:
        """The engine of a file; those of the index and of the run under way stay open between events."""
        if shard not in self._engines:
            engine = sa.create_engine(self.conn_string_for_shard(shard), connect_args={"timeout": _PATIENCE_S})
            sa.event.listen(engine, "connect", _do_not_wait_for_the_disk)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            for other in set(self._engines) - {INDEX_SHARD_NAME}:
                self._engines.pop(other).dispose()
            self._engines[shard] = engine
        return self._engines[shard]

    def _initdb(self, engine: sa.Engine, for_index_shard: bool = False) -> None:
        """As the stock storage does, which reads all migrations for each file, to make it or to see that it is made."""
        path = Path(str(engine.url.database))
        if path.exists() and _is_made(engine):
            return
        if path.exists() or for_index_shard:
            super()._initdb(engine, for_index_shard)
            return
        draft = path.with_suffix(f".{os.getpid()}.new")
        draft.write_bytes(self._new_file)
        with suppress(FileExistsError):  # another process has made it meanwhile
            os.link(draft, path)
        draft.unlink()

    @cached_property
    def _new_file(self) -> bytes:
        """A file of a run without events."""
        engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
        super()._initdb(engine)
        connection: Any = engine.raw_connection().driver_connection
        content = bytes(connection.serialize())
        engine.dispose()
        return content

    def wipe(self) -> None:
        """Delete all events."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Let go of the files."""
        self._close()
        super().dispose()

    def _close(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()


class BatchedSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage around the batched event log, for one daemon at a time.

    Named in dagster.yaml under `storage: custom`.
    """

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        refuse_a_second_dev(DaemonLock(Path(base_dir)))
        super().__init__(base_dir, inst_data)
        runs = create_db_conn_string(os.path.join(base_dir, "history"), "runs")  # noqa: PTH118
        self._run_storage = OneDaemonRunStorage(runs, DaemonLock(Path(base_dir)))
        self._event_log_storage = BatchedSqliteEventLogStorage(os.path.join(base_dir, "history", "runs", ""))  # noqa: PTH118
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(BATCH_SIZE))  # Dagster batches only when told so

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Any:
        """As Dagster makes it from dagster.yaml; with a version that is not tried, Dagster's own storage."""
        chosen = cls if is_tried() else DagsterSqliteStorage
        return chosen.from_local(inst_data=inst_data, **config_value)


def _is_made(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        stamped = sa.inspect(connection).has_table("alembic_version")
        return stamped and connection.exec_driver_sql("SELECT count(*) FROM alembic_version").scalar() == 1


def _do_not_wait_for_the_disk(connection: Any, _record: Any = None) -> None:
    """With a write-ahead log, a killed process loses nothing and a power cut the last moments, never the file."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
