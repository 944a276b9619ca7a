"""One daemon for a Dagster home: a second one ends before it has looked at anything.

Two daemons on one home would tick the same sensors and take the same runs from the queue: hours done twice, versions
trained twice. Dagster notices it, writes a line into its log, and goes on. See docs/runbook.md.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from filelock import FileLock, Timeout

from mlreg_dagster.core.errors import MlregError

if TYPE_CHECKING:
    from dagster._daemon.types import DaemonHeartbeat

_A_LOOK_S = 1.0  # a `dagster dev` that only looks whether there is a daemon holds the lock for a moment
_log = logging.getLogger("dagster.daemon")


class DaemonRunsAlready(MlregError):
    """Another daemon works on this Dagster home."""


class OneDaemonRunStorage(SqliteRunStorage):
    """The stock storage of runs; what tells a daemon from all other processes is that it sends heartbeats."""

    def __init__(self, conn_string: str, home: Path) -> None:
        super().__init__(conn_string)
        self._daemon = _DaemonLock(home)

    def add_daemon_heartbeat(self, daemon_heartbeat: "DaemonHeartbeat") -> None:
        """Take the heartbeat of the one daemon; end the process that sends another one's.

        Each thread of a daemon sends one before its first look, so nothing has been done then.
        """
        try:
            self._daemon.take()
        except DaemonRunsAlready as error:
            _log.error("%s", error)
            os._exit(1)  # an exception Dagster would log, and go on; from other exits its daemon does not come back
        super().add_daemon_heartbeat(daemon_heartbeat)


def refuse_a_second_dev(home: Path) -> None:
    """End a `dagster dev` on a home that has a daemon before it starts one: it ends with 0 when its daemon is refused.

    Raises:
        SystemExit: Another daemon works on the home.
    """
    program, command = Path(sys.argv[0]).name, sys.argv[1:2]
    if program not in {"dagster", "dagster.exe", "__main__.py"} or command != ["dev"]:
        return
    lock = _DaemonLock(home)
    try:
        lock.take()
    except DaemonRunsAlready as error:
        raise SystemExit(f"dagster dev: {error}") from None
    lock.release()  # for the daemon that it starts


@contextmanager
def daemon_kept_out(home: Path) -> Iterator[None]:
    """Let no daemon begin to work on a Dagster home meanwhile.

    Raises:
        DaemonRunsAlready: One works on it.
    """
    lock = _DaemonLock(home)
    lock.take()
    try:
        yield
    finally:
        lock.release()


class _DaemonLock:
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
