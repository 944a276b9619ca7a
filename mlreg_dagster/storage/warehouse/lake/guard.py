"""Tables in a lake, for many hosts: readers never wait, and one writer at a time changes a table."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb

from mlreg_dagster.storage.advisory_lock import AdvisoryLock, Hold, LockBusy, LockLost
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.postgres import PostgresUnavailable
from mlreg_dagster.storage.warehouse.lake.address import LakeAddress
from mlreg_dagster.storage.warehouse.lake.attachment import Attachment, leave_to_parent
from mlreg_dagster.storage.warehouse.lake.errors import LakeConflict, LakeUnavailable, in_words
from mlreg_dagster.storage.warehouse.process_lock import WarehouseBusy
from mlreg_dagster.storage.warehouse.reader import Tables

_COMMIT_POLL_S = 0.02
_COMMITS = """
SELECT pid, virtualtransaction FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE relname LIKE 'ducklake%' AND mode = 'RowExclusiveLock' AND granted AND pid <> pg_backend_pid()
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@dataclass
class _Thread:
    """What a thread has of a lake: the connection of its session, and the locks of tables that it holds."""

    session: duckdb.DuckDBPyConnection | None = None
    held: dict[str, Hold] = field(default_factory=dict)
    process: int = field(default_factory=os.getpid)


class Lake:
    """The guard of a lake; see `Guard`.

    Args:
        attachment: The connection that the process keeps.
        lock_timeout_s: How long, in seconds, to wait for another writer of a table.
    """

    is_exclusive = False
    repeatable: tuple[type[Exception], ...] = (LakeConflict, LakeUnavailable)

    def __init__(self, attachment: Attachment, lock_timeout_s: float) -> None:
        self.timeout_s = lock_timeout_s
        self._attachment = attachment
        self._threads = threading.local()

    @property
    def address(self) -> LakeAddress:
        """Where the lake is."""
        return self._attachment.address

    @property
    def place(self) -> str:
        """The address of the lake, without a password."""
        return self.address.shown

    def exists(self) -> bool:
        """Whether its catalog was made already.

        Raises:
            LakeUnavailable: The catalog can't be reached.
        """
        return self._attachment.exists()

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection in UTC, with a transaction of its own; within a session of this thread it is that one's.

        Raises:
            LakeUnavailable: The catalog or the files can't be reached.
            LakeConflict: Another program changed the same table without its lock.
        """
        if self._thread.session is not None:
            with self._in_words():
                yield self._thread.session
            return
        with self._in_words():
            cursor = self._attachment.cursor()
            try:
                yield cursor
            finally:
                cursor.close()

    @contextmanager
    def connect_read_only(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to tables that are there, all as of one moment, for reading alone; raises as `connect`."""
        with self._in_words():
            cursor = self._attachment.cursor()
            try:
                cursor.execute("BEGIN TRANSACTION READ ONLY")
                yield cursor
            finally:
                cursor.close()

    @contextmanager
    def tables(self) -> Iterator[Tables]:
        """The tables for readers, all as of one moment; nothing is made.

        Raises:
            LakeUnavailable: The catalog or the files can't be reached.
        """
        if not (self._attachment.is_attached or self.exists()):
            yield Tables(None, self.place)
            return
        with self.connect_read_only() as connection:
            yield Tables(connection, self.place)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Keep a connection between the uses of this thread; others read and write meanwhile."""
        thread = self._thread
        if thread.session is not None:
            yield
            return
        with self.connect() as thread.session:
            try:
                yield
            finally:
                thread.session = None

    @contextmanager
    def writing(self, table: str) -> Iterator[None]:
        """Keep other writers of a table out; a thread that does so already goes on.

        Raises:
            WarehouseBusy: Another one wrote the table for longer than `timeout_s`; it is named.
            LakeUnavailable: The catalog can't be reached.
        """
        held = self._thread.held
        if table in held:
            yield
            return
        try:
            held[table] = self._lock_of(table).take()
        except LockBusy as error:
            raise WarehouseBusy(str(error)) from None
        except PostgresUnavailable as error:
            raise LakeUnavailable(str(error)) from None
        try:
            with self._in_words():
                self._let_commits_end(held[table])
            yield
        finally:
            held.pop(table).release()

    def writer_of(self, table: str) -> str | None:
        """Who writes a table now, in words; None where nobody does.

        Raises:
            PostgresUnavailable: The catalog can't be reached.
        """
        return self._lock_of(table).holder()

    def _lock_of(self, table: str) -> AdvisoryLock:
        return AdvisoryLock(self.address.catalog, f"table {table}", self.timeout_s)

    def confirm(self, table: str) -> None:
        """Make sure that this thread still has the lock of a table.

        Raises:
            LakeUnavailable: It may no longer have it; nothing was stored.
        """
        with self._in_words():
            if (hold := self._thread.held.get(table)) is not None:
                hold.check()

    def _let_commits_end(self, hold: Hold) -> None:
        """Wait until the commits that are under way have ended.

        A writer that was killed, or lost its connection, has let go of its lock; the server may still be storing what
        it had sent. What begins before that has ended would not see it, and DuckLake would store both.
        """
        deadline = time.monotonic() + self.timeout_s
        under_way = set(hold.ask(_COMMITS))
        while under_way:
            if time.monotonic() > deadline:
                raise WarehouseBusy(
                    f"The catalog of the lake {self.place} has been storing a change for more than "
                    f"{self.timeout_s:g} s, in the server processes {sorted(pid for pid, _ in under_way)}. Let them "
                    f"end, or end them (pg_terminate_backend), then run this again."
                )
            time.sleep(_COMMIT_POLL_S)
            under_way &= set(hold.ask(_COMMITS))

    def release(self) -> None:
        """Nothing: others are not kept out by the connection that stays."""

    @property
    def _thread(self) -> _Thread:
        one: _Thread | None = getattr(self._threads, "one", None)
        if one is None or one.process != os.getpid():
            leave_to_parent(one)
            self._threads.one = one = _Thread()
        return one

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            with explained(self.place):
                yield
        except LockLost as error:
            raise LakeUnavailable(f"Nothing was stored: {error}") from None
        except duckdb.Error as error:
            if (said := in_words(error, self.address)) is error:
                raise
            raise said from None
