"""Locks between hosts: PostgreSQL's advisory locks, each held by an open transaction on a connection of its own.

A process that ends, however it ends, lets go of them; so does a host that is gone, within some 11 s. Connections are
kept for the next lock of the process. Holding one in a transaction works behind a pooler, too.
"""

import atexit
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage import postgres

if TYPE_CHECKING:
    import psycopg

_IDLE_CONNECTIONS = 8
_LOCK_NOT_AVAILABLE = "55P03"
_KNOWS_TRANSACTION_TIMEOUT = 170000


class LockBusy(MlregError):
    """Another process kept the lock for longer than one waits; it is named."""


class LockLost(MlregError):
    """The connection that holds the lock is gone, and another process may have it by now."""


class AdvisoryLock:
    """A lock by name, within one database; threads and processes exclude each other alike.

    It is not reentrant: a thread that takes it twice waits for itself.

    Args:
        url: Of the database, `postgresql://user@host/name`.
        name: What is locked, as messages name it, such as `table features`.
        timeout_s: How long one waits for it; 0 does not wait.
        answer_s: How long the server may take for any answer, seconds.
    """

    def __init__(self, url: str, name: str, timeout_s: float = 60.0, answer_s: float = 10.0) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._answer_s = answer_s
        self.name = name
        self.key = int.from_bytes(hashlib.blake2b(f"mlreg\0{name}".encode(), digest_size=8).digest(), signed=True)

    @contextmanager
    def held(self, *, shared: bool = False) -> Iterator["Hold"]:
        """Hold the lock meanwhile; those who hold it `shared` do not exclude each other.

        Raises:
            LockBusy: Another process kept it; nothing was done.
            PostgresUnavailable: The server can't be reached.
        """
        hold = self.take(shared=shared)
        try:
            yield hold
        finally:
            hold.release()

    def take(self, *, shared: bool = False) -> "Hold":
        """Take the lock until it is released, or the process ends.

        Raises:
            LockBusy: Another process kept it; nothing was done.
            PostgresUnavailable: The server can't be reached.
        """
        while True:
            connection, is_new = _connections.lend(self._url, self._timeout_s + self._answer_s)
            import psycopg  # which is there, since there is a connection

            try:
                self._lock(connection, shared)
            except psycopg.Error as error:
                if error.sqlstate == _LOCK_NOT_AVAILABLE:
                    _connections.give_back(self._url, connection)
                    raise self._busy() from None
                connection.close()
                if not is_new and isinstance(error, psycopg.OperationalError):
                    continue  # it was kept from before, and the server has ended it since; nothing was taken
                raise postgres.PostgresUnavailable(
                    f"The lock on {self.name} can't be taken in {postgres.shown(self._url)}: "
                    f"{postgres.first_line(error, self._url)}. Nothing was done."
                ) from None
            except BaseException:  # such as an interrupt while it waits
                connection.close()
                raise
            return Hold(self, connection, self._url)

    def _lock(self, connection: "psycopg.Connection[Any]", shared: bool) -> None:
        """Begin a transaction that holds the lock, in one message to the server."""
        unbounded = ["statement_timeout", "idle_in_transaction_session_timeout"]
        if connection.info.server_version >= _KNOWS_TRANSACTION_TIMEOUT:
            unbounded.append("transaction_timeout")
        statements = [
            "BEGIN",
            f"SET LOCAL lock_timeout = {max(1, int(self._timeout_s * 1000))}",
            *(f"SET LOCAL {name} = 0" for name in unbounded),
            f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}({self.key})",
        ]
        connection.execute("; ".join(statements).encode())

    def holder(self) -> str | None:
        """Who holds the lock, in words: host, process, since when; None where nobody does.

        Raises:
            PostgresUnavailable: The server can't be reached.
        """
        with postgres.connect(self._url, silence_s=self._answer_s, purpose="look") as connection:
            found = connection.execute(
                "SELECT pid, usename, application_name, coalesce(host(client_addr), 'the same machine'), "
                "to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') "
                "FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted "
                "AND classid = %s::oid AND objid = %s::oid AND objsubid = 1 AND pg_locks.database = "
                "(SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY xact_start LIMIT 1",
                (str(self.key >> 32 & 0xFFFFFFFF), str(self.key & 0xFFFFFFFF)),
            ).fetchone()
        if found is None:
            return None
        number, user, program, place, since = found
        name = program or "a program without a name"
        return f"{name} of user {user} on {place}, server process {number}, since {since or 'a time not shown'} UTC"

    def _busy(self) -> LockBusy:
        try:
            holder = self.holder()
        except postgres.PostgresUnavailable:
            holder = "not known, for the server does not answer"
        waited = f"for more than {self._timeout_s:g} s " if self._timeout_s else ""
        return LockBusy(
            f"The lock on {self.name} in {postgres.shown(self._url)} was kept {waited}by another process; nothing was "
            f"done. Holder: {holder or 'it has ended meanwhile'}. Let it end, or end it, then run this again."
        )


class Hold:
    """A lock that is held."""

    def __init__(self, lock: AdvisoryLock, connection: "psycopg.Connection[Any]", url: str) -> None:
        self._lock = lock
        self._connection: psycopg.Connection[Any] | None = connection
        self._url = url

    def check(self) -> None:
        """Ask the server whether the lock is still held: before what must not be done without it.

        Raises:
            LockLost: It is not, or the server does not answer.
        """
        import psycopg

        try:
            if self._connection is not None:
                self._connection.execute("SELECT 1")
                return
            why = "it was released"
        except psycopg.Error as error:
            why = postgres.first_line(error, self._url)
        self.release()
        raise LockLost(
            f"The lock on {self._lock.name} in {postgres.shown(self._url)} is lost: {why}. Another process may have "
            f"it by now. Run this again."
        )

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The result of a reading statement of one's own, on the connection that holds the lock.

        Raises:
            LockLost: The lock is no longer held, or the server does not answer.
        """
        self.check()
        assert self._connection is not None  # noqa: S101 - it was checked
        return self._connection.execute(sql.encode()).fetchall()

    def release(self) -> None:
        """Let go of the lock; it is free even where the server does not answer, as the connection ends."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _connections.give_back(self._url, connection)


class _Connections:
    """The connections of this process that hold no lock, by URL; a forked process starts without any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[str, list[psycopg.Connection[Any]]] = {}
        self._all: list[psycopg.Connection[Any]] = []

    def lend(self, url: str, silence_s: float) -> "tuple[psycopg.Connection[Any], bool]":
        """A connection, and whether it is new."""
        with self._lock:
            if idle := self._idle.get(url):
                connection = idle.pop()
                connection.silence_s = silence_s  # type: ignore[attr-defined]
                return connection, False
        connection = postgres.connect(url, silence_s=silence_s, purpose="lock")
        with self._lock:
            self._all = [*(one for one in self._all if not one.closed), connection]
        return connection, True

    def give_back(self, url: str, connection: "psycopg.Connection[Any]") -> None:
        """End its transaction, and keep it for the next lock; close it where that does not work."""
        import psycopg

        try:
            connection.execute("ROLLBACK")
        except psycopg.Error:
            connection.close()
            return
        with self._lock:
            idle = self._idle.setdefault(url, [])
            if len(idle) < _IDLE_CONNECTIONS:
                idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close those that hold no lock."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def leave_to_parent(self) -> None:
        """In a forked process: give up its copies of the sockets alone, so that the parent's end frees its locks."""
        self._lock = threading.Lock()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for connection in self._all:
            with suppress(Exception):
                os.dup2(nowhere, connection.fileno())  # closing it would end the parent's session
        os.close(nowhere)
        self._idle, self._all = {}, []


_connections = _Connections()
atexit.register(_connections.close)
os.register_at_fork(after_in_child=_connections.leave_to_parent)
