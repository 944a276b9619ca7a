"""Tables in a lake, for many hosts: readers never wait, and one writer at a time changes a table."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb

from mlreg_dagster.storage.advisory_lock import AdvisoryLock, LockBusy
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.postgres import PostgresUnavailable
from mlreg_dagster.storage.warehouse.lake.address import LakeAddress
from mlreg_dagster.storage.warehouse.lake.attachment import Attachment
from mlreg_dagster.storage.warehouse.lake.errors import LakeConflict, LakeUnavailable, in_words
from mlreg_dagster.storage.warehouse.process_lock import WarehouseBusy


@dataclass
class _Thread:
    """What a thread has of a lake: the connection of its session, and the locks of tables that it holds."""

    session: duckdb.DuckDBPyConnection | None = None
    held: set[str] = field(default_factory=set)


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
        lock = AdvisoryLock(self.address.catalog, f"table {table}", self.timeout_s)
        try:
            hold = lock.take()
        except LockBusy as error:
            raise WarehouseBusy(str(error)) from None
        except PostgresUnavailable as error:
            raise LakeUnavailable(str(error)) from None
        held.add(table)
        try:
            yield
        finally:
            held.discard(table)
            hold.release()

    def release(self) -> None:
        """Nothing: others are not kept out by the connection that stays."""

    @property
    def _thread(self) -> _Thread:
        if not hasattr(self._threads, "one"):
            self._threads.one = _Thread()
        one: _Thread = self._threads.one
        return one

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            with explained(self.place):
                yield
        except duckdb.Error as error:
            if (said := in_words(error, self.address)) is error:
                raise
            raise said from None
