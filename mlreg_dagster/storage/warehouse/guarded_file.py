"""The DuckDB file: the one place that opens it.

DuckDB allows one writing process at a time. Every connection is therefore short and taken under an
inter-process lock with a bounded wait, whose holder can be named. Foreign processes (a person's `duckdb`
shell) do not know that lock; DuckDB's own lock is waited for within the same bound.
"""

import json
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import duckdb
from filelock import FileLock, Timeout

from mlreg_dagster.core.errors import TransientError
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.warehouse.duckdb_access import connect

_FOREIGN_LOCK_POLL_S = 0.1
_FOREIGN_LOCK_SIGNS = ("Could not set lock", "being used by another process")  # POSIX, Windows
_FOREIGN_PID = re.compile(r"PID (\d+)")


class WarehouseBusy(TransientError):
    """Another process held the warehouse for longer than the allowed wait."""


class GuardedFile:
    """A DuckDB file that one process at a time has open.

    Args:
        path: The file; it and its folder are made when first needed.
        lock_timeout_s: How long, in seconds, to wait for another process before `WarehouseBusy`.
        stay_open: Keep the file open, and other processes out, from its first use until `let_go`, until a use fails,
            or until one ends while another process waits.
    """

    def __init__(self, path: str | Path, lock_timeout_s: float = 60.0, stay_open: bool = False) -> None:
        self.path = Path(path)
        self.lock_timeout_s = lock_timeout_s
        self.stay_open = stay_open
        self._holder_path = self.path.with_suffix(".lock.json")
        self._kept: duckdb.DuckDBPyConnection | None = None
        self._until_let_go = ExitStack()
        self._uses = 0

    @contextmanager
    def session(self) -> Iterator[Self]:
        """Keep the file open, and other processes out, between the calls of a short piece of work.

        Raises:
            WarehouseBusy: As `connect`.
        """
        with self.connect() as connection:
            if self.stay_open:
                yield self
                return
            before, self._kept = self._kept, connection
            try:
                yield self
            finally:
                self._kept = before

    def let_go(self) -> None:
        """Close the file, where it stayed open; the next use opens it again."""
        self._kept = None
        self._until_let_go.close()

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for a short time, in UTC, alone among all processes that come through here.

        Raises:
            WarehouseBusy: Another process kept the file for longer than `lock_timeout_s`; it is named.
            StorageFull, StorageNotWritable, StorageDamaged: The disk or the file is at fault.
        """
        if self.stay_open:
            with self._staying() as connection:
                yield connection
        elif self._kept is not None:
            yield self._kept
        else:
            with self._connection() as connection:
                yield connection

    @contextmanager
    def _staying(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if self._kept is None:
            self._kept = self._until_let_go.enter_context(self._connection())
        self._uses += 1
        try:
            with explained(self.path):
                yield self._kept
        except BaseException:
            self.let_go()  # whatever comes next may be minutes away
            raise
        finally:
            self._uses -= 1
        if not self._uses and self._is_waited_for():
            self.let_go()

    def _is_waited_for(self) -> bool:
        """Whether another process of ours has taken its turn: see `_locked`."""
        try:
            with FileLock(self.path.with_suffix(".turn"), mode=private_files.OF_FILES).acquire(0):
                return False
        except Timeout:
            return True

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with explained(self.path), self._locked() as deadline:
            connection = self._open(deadline)
            self._opened()
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def look(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file that is there for reading alone, in UTC; nothing in the home is changed by it.

        Raises:
            WarehouseBusy: A process, ours or a foreign one, kept it for longer than `lock_timeout_s`; it is named.
            StorageNotWritable, StorageDamaged: The file can't be read.
        """
        deadline = time.monotonic() + self.lock_timeout_s
        with explained(self.path):
            while True:
                try:
                    connection = connect(self.path, read_only=True)
                    break
                except duckdb.IOException as error:
                    if not any(sign in str(error) for sign in _FOREIGN_LOCK_SIGNS):
                        raise
                    if time.monotonic() >= deadline:
                        raise WarehouseBusy(self._busy_message(json.dumps(_foreign_process(error)))) from error
                    time.sleep(_FOREIGN_LOCK_POLL_S)
            try:
                yield connection
            finally:
                connection.close()

    def _opened(self) -> None:
        """What others may have changed since it was open last is to be looked at again."""

    @contextmanager
    def _locked(self) -> Iterator[float]:
        """Our own lock; gives the moment (monotonic, s) until which DuckDB's may be waited for."""
        private_files.make_folder(self.path.parent)
        deadline = time.monotonic() + self.lock_timeout_s
        lock, turn = (
            FileLock(self.path.with_suffix(suffix), mode=private_files.OF_FILES) for suffix in (".lock", ".turn")
        )
        try:
            with turn.acquire(self.lock_timeout_s):  # else whoever reads without a pause would keep all others out
                lock.acquire(max(deadline - time.monotonic(), 0.0))
        except Timeout:
            raise WarehouseBusy(self._busy_message(self._holder())) from None
        try:
            self._name_holder(json.dumps(_this_process()))
            yield deadline
        finally:
            lock.release()

    def _open(self, deadline: float) -> duckdb.DuckDBPyConnection:
        if not self.path.exists():
            self._make()
        while True:
            try:
                return connect(self.path, reaches=self._drafts())
            except duckdb.IOException as error:
                if not any(sign in str(error) for sign in _FOREIGN_LOCK_SIGNS):
                    raise
                holder = json.dumps(_foreign_process(error))
                if time.monotonic() >= deadline:
                    raise WarehouseBusy(self._busy_message(holder)) from error
                self._name_holder(holder)  # those who wait for our lock wait for that process
                time.sleep(_FOREIGN_LOCK_POLL_S)

    @property
    def draft(self) -> Path:
        """Where a copy of the whole file is written before it takes the file's place."""
        return self.path.with_suffix(".compacted.new")

    def _drafts(self) -> list[Path]:
        """What a connection may reach besides the file: the copy, and the logs that DuckDB keeps beside it."""
        logs = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
        return [self.draft.with_name(f"{self.draft.name}{log}") for log in logs]

    def _make(self) -> None:
        """A file that lost its process or its disk before it was whole is no database; it never gets the name."""
        draft = self.path.with_suffix(".new")
        for left in (draft, draft.with_name(f"{draft.name}.wal")):  # of another attempt: it would be replayed
            left.unlink(missing_ok=True)
        connect(draft).close()
        draft.chmod(private_files.OF_FILES)
        draft.rename(self.path)

    def _name_holder(self, holder: str) -> None:
        """Tell others who holds the file; they read a whole name at any moment. Only who holds our lock writes it."""
        draft = self._holder_path.with_suffix(".draft")
        try:
            private_files.write(draft, holder.encode())
            draft.replace(self._holder_path)
        except OSError:  # a full disk must keep nobody from reading, and a name that is not ours must not stay
            draft.unlink(missing_ok=True)
            self._holder_path.unlink(missing_ok=True)

    def _holder(self) -> str:
        try:
            told = self._holder_path.read_text().strip()
        except FileNotFoundError:
            told = ""
        return told or "unknown; it has not written its name yet"

    def _busy_message(self, holder: str) -> str:
        return (
            f"{self.path} was kept by another process for more than {self.lock_timeout_s:g} s; nothing was "
            f"written. Wait until it ends, or end it, then run this again. Holder: {holder}"
        )


def _this_process() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _foreign_process(error: duckdb.IOException) -> dict[str, object]:
    """Who holds DuckDB's own lock, as far as the system tells: DuckDB names the process, Linux its command."""
    said: dict[str, object] = {"said": str(error).removeprefix("IO Error: ")}
    if not (match := _FOREIGN_PID.search(str(error))):
        return said
    command = Path(f"/proc/{match[1]}/cmdline")
    words = command.read_bytes().decode(errors="replace").split("\0") if command.exists() else []
    return {"pid": int(match[1]), "command": " ".join(words).strip()[:200], **said}
