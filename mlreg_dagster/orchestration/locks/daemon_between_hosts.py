"""The lock of the one daemon of a Dagster instance in PostgreSQL, wherever its host is.

The server frees the lock of a killed process at once, and that of a host that is gone after some 11 s without an
answer. So a daemon must not go on when it has lost its connection: it asks every 2 s, and ends before the server has
given the lock to another one. What ends it, its supervisor starts again.
"""

import logging
import threading

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.orchestration.locks.daemon import DaemonRunsAlready, end_daemon
from mlreg_dagster.storage.advisory_lock import AdvisoryLock, Hold, LockBusy, LockLost

NAME = "the dagster daemon"
"""One for each database, so a database is that of one instance."""

_CHECK_S = 2.0
_ANSWER_S = 4.0  # with the check before, and a new connection after it, within the server's 11 s
_A_LOOK_S = 1.0  # a `dagster dev` that only looks whether there is a daemon holds the lock for a moment
_log = logging.getLogger("dagster.daemon")


class DaemonLockBetweenHosts:
    """Held until the process ends, however it ends.

    Args:
        url: Of Dagster's database, with or without a driver.
    """

    def __init__(self, url: str) -> None:
        self._lock = AdvisoryLock(url, NAME, _A_LOOK_S, _ANSWER_S)
        self._hold: Hold | None = None
        self._one_thread = threading.Lock()  # those of a daemon come all at once

    def take(self) -> None:
        """Make this process the one daemon of the instance, if it is not yet.

        Raises:
            DaemonRunsAlready: Another process is.
            PostgresUnavailable: The server can't be reached.
        """
        with self._one_thread:
            if self._hold is not None:
                return
            try:
                self._hold = self._lock.take()
            except LockBusy as error:
                raise DaemonRunsAlready(
                    f"Another dagster daemon works on this Dagster instance. This one ends; nothing was done. Use the "
                    f"one that runs, or stop it first, or let MLREG_DAGSTER name another database. {error}"
                ) from None
            threading.Thread(target=self._watch, args=(self._hold,), name="one-daemon", daemon=True).start()

    def release(self) -> None:
        """Let another process be the one daemon."""
        with self._one_thread:
            hold, self._hold = self._hold, None
            if hold is not None:
                hold.release()

    def _watch(self, hold: Hold) -> None:
        """Ask again and again whether the lock is held; take it again, or end the process."""
        while True:
            threading.Event().wait(_CHECK_S)
            with self._one_thread:
                if self._hold is not hold:  # it was released
                    return
                try:
                    hold.check()
                    continue
                except LockLost as lost:
                    _log.warning("%s", lost)
                try:
                    self._hold = hold = self._lock.take()
                except MlregError as error:
                    end_daemon(
                        MlregError(f"The daemon can't have its lock again and ends, as another one may begin. {error}")
                    )
