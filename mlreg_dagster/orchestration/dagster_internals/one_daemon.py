"""One daemon for a Dagster home: a second one ends before it has looked at anything.

Two daemons on one home would tick the same sensors and take the same runs from the queue: hours done twice, versions
trained twice. Dagster notices it, writes a line into its log, and goes on. See docs/runbook.md.
"""

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage

from mlreg_dagster.orchestration.locks.daemon import DaemonLock, DaemonRunsAlready

if TYPE_CHECKING:
    from dagster._daemon.types import DaemonHeartbeat

_log = logging.getLogger("dagster.daemon")


class OneDaemonRunStorage(SqliteRunStorage):
    """The stock storage of runs; what tells a daemon from all other processes is that it sends heartbeats."""

    def __init__(self, conn_string: str, home: Path) -> None:
        super().__init__(conn_string)
        self._daemon = DaemonLock(home)

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
    lock = DaemonLock(home)
    try:
        lock.take()
    except DaemonRunsAlready as error:
        raise SystemExit(f"dagster dev: {error}") from None
    lock.release()  # for the daemon that it starts
