"""The lock that a daemon holds on its Dagster home until it ends; which process takes it when is decided elsewhere."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from filelock import FileLock, Timeout

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.orchestration.dagster_internals.dagster_database import database_url

_A_LOOK_S = 1.0  # a `dagster dev` that only looks whether there is a daemon holds the lock for a moment
_log = logging.getLogger("dagster.daemon")


class DaemonRunsAlready(MlregError):
    """Another daemon works on this Dagster home."""


@contextmanager
def daemon_kept_out(home: Path) -> Iterator[None]:
    """Let no daemon begin to work on a Dagster home meanwhile.

    Raises:
        DaemonRunsAlready: One works on it.
        UnknownStorage, PostgresUnavailable: Its storage is in PostgreSQL, and can't be asked.
    """
    from mlreg_dagster.orchestration.locks.daemon_between_hosts import DaemonLockBetweenHosts

    url = database_url(home)
    lock = DaemonLockBetweenHosts(url) if url else DaemonLock(home)
    lock.take()
    try:
        yield
    finally:
        lock.release()


def end_daemon(why: Exception) -> None:
    """End this process at once: an exception Dagster would log, and go on; from other exits its daemon stays."""
    _log.error("%s", why)
    os._exit(1)


class DaemonLock:
    """Held until the process ends, however it ends."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = FileLock(home / "daemon.lock", thread_local=False)
        self._holder = home / "daemon.pid"
        self._one_thread = Lock()  # those of a daemon come all at once

    def take(self) -> None:
        """Make this process the one daemon of the home, if it is not yet.

        Raises:
            DaemonRunsAlready: Another process is.
        """
        with self._one_thread:
            if self._lock.is_locked:
                return
            try:
                self._lock.acquire(timeout=_A_LOOK_S)
            except Timeout:
                holder = self._holder.read_text() if self._holder.exists() else "unknown"
                raise DaemonRunsAlready(
                    f"Another dagster daemon (process {holder}) works on {self._home}. This one ends; nothing was "
                    f"done. Use the one that runs, or stop it first, or set another DAGSTER_HOME and MLREG_HOME."
                ) from None
            self._holder.write_text(str(os.getpid()))

    def release(self) -> None:
        """Let another process be the one daemon."""
        self._lock.release()
