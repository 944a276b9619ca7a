"""One daemon for a Dagster instance: a second one ends before it has looked at anything.

Two daemons on one instance would tick the same sensors and take the same runs from the queue: hours done twice,
versions trained twice. Dagster notices it, writes a line into its log, and goes on. See docs/runbook.md.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.orchestration.locks.daemon import DaemonLock, end_daemon
from mlreg_dagster.orchestration.locks.daemon_between_hosts import DaemonLockBetweenHosts

if TYPE_CHECKING:
    from dagster._daemon.types import DaemonHeartbeat


class OneDaemon(SqlRunStorage):
    """A stock storage of runs, put before it among the bases, that knows the one daemon by its lock.

    What tells a daemon from all other processes is that it sends heartbeats.
    """

    _daemon: DaemonLock | DaemonLockBetweenHosts

    def add_daemon_heartbeat(self, daemon_heartbeat: "DaemonHeartbeat") -> None:
        """Take the heartbeat of the one daemon; end the process that sends another one's.

        Each thread of a daemon sends one before its first look, so nothing has been done then.
        """
        try:
            self._daemon.take()
        except MlregError as error:  # another one has the lock, or it can't be had: Dagster would go on without
            end_daemon(error)
        super().add_daemon_heartbeat(daemon_heartbeat)


class OneDaemonRunStorage(OneDaemon, SqliteRunStorage):
    """The stock storage of runs in SQLite, of one daemon."""

    def __init__(self, conn_string: str, lock: DaemonLock) -> None:
        super().__init__(conn_string)
        self._daemon = lock


def refuse_a_second_dev(lock: DaemonLock | DaemonLockBetweenHosts) -> None:
    """End a `dagster dev` where there is a daemon before it starts one: it ends with 0 when its daemon is refused.

    Raises:
        SystemExit: Another daemon works on the instance, or that can't be found out.
    """
    program, command = Path(sys.argv[0]).name, sys.argv[1:2]
    if program not in {"dagster", "dagster.exe", "__main__.py"} or command != ["dev"]:
        return
    try:
        lock.take()
    except MlregError as error:
        raise SystemExit(f"dagster dev: {error}") from None
    lock.release()  # for the daemon that it starts
