"""A lock between processes: it is waited for in turns and for a bounded time, and its holder is named.

What it guards is opened elsewhere: see `guarded_file`.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from mlreg_dagster.core.errors import TransientError
from mlreg_dagster.storage import private_files


class WarehouseBusy(TransientError):
    """Another process held the warehouse for longer than the allowed wait."""


class ProcessLock:
    """The lock of one file; threads of one process exclude each other, too.

    Args:
        guarded: The file; the lock's own files lie beside it.
        timeout_s: How long, in seconds, to wait for another process before `WarehouseBusy`.
    """

    def __init__(self, guarded: Path, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._guarded = guarded
        self._holder_path = guarded.with_suffix(".lock.json")

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the lock; the first process that takes it makes them."""
        return *(self._guarded.with_suffix(suffix) for suffix in (".lock", ".turn")), self._holder_path

    @contextmanager
    def held(self) -> Iterator[float]:
        """Keep other processes out; gives the moment (monotonic, s) at which the wait would have ended.

        Raises:
            WarehouseBusy: Another process kept it for longer than `timeout_s`; it is named.
        """
        private_files.make_folder(self._guarded.parent)
        deadline = time.monotonic() + self.timeout_s
        lock, turn = self._file(".lock"), self._file(".turn")
        try:
            with turn.acquire(self.timeout_s):  # prevents a busy reader from starving other processes
                lock.acquire(max(deadline - time.monotonic(), 0.0))
        except Timeout:
            raise self.busy(self.holder()) from None
        try:
            self.name_holder(_this_process())
            yield deadline
        finally:
            lock.release()

    def is_waited_for(self) -> bool:
        """Whether another process has taken its turn, while this one holds the lock."""
        try:
            with self._file(".turn").acquire(0):
                return False
        except Timeout:
            return True

    def name_holder(self, holder: Mapping[str, object]) -> None:
        """Write down who holds the file; only the holder of the lock does so, and others read a whole name."""
        draft = self._holder_path.with_suffix(".draft")
        try:
            private_files.write(draft, json.dumps(holder).encode())
            draft.replace(self._holder_path)
        except OSError:  # a full disk must not keep readers out, and the name of another process must not stay
            draft.unlink(missing_ok=True)
            self._holder_path.unlink(missing_ok=True)

    def holder(self) -> str:
        """Who holds the file, as JSON."""
        try:
            named = self._holder_path.read_text().strip()
        except FileNotFoundError:
            named = ""
        return named or "unknown; it has not written its name yet"

    def busy(self, holder: str) -> WarehouseBusy:
        """The error that names a holder."""
        return WarehouseBusy(
            f"{self._guarded} was kept by another process for more than {self.timeout_s:g} s; nothing was "
            f"written. Wait until it ends, or end it, then run this again. Holder: {holder}"
        )

    def _file(self, suffix: str) -> FileLock:
        return FileLock(self._guarded.with_suffix(suffix), mode=private_files.OF_FILES)


def _this_process() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
