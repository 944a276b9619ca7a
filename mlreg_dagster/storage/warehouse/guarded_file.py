"""A DuckDB file: the one place that opens it.

DuckDB allows one writing process at a time. Every connection is therefore short and is opened under a lock between
processes. Foreign processes (a person's `duckdb` shell) do not know that lock; DuckDB's own lock is waited for within
the same time. What the file holds is not known here.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

import duckdb

from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.warehouse.duckdb_access import connect
from mlreg_dagster.storage.warehouse.process_lock import ProcessLock, WarehouseBusy

__all__ = ["GuardedFile", "WarehouseBusy"]

_FOREIGN_LOCK_POLL_S = 0.1
_FOREIGN_LOCK_SIGNS = ("Could not set lock", "being used by another process")  # POSIX, Windows
_FOREIGN_PID = re.compile(r"PID (\d+)")


class GuardedFile:
    """A DuckDB file that one process at a time has open: a `Guard`.

    Args:
        path: The file; it and its folder are made when first needed.
        lock_timeout_s: How long, in seconds, to wait for another process before `WarehouseBusy`.
        stay_open: Keep the file open, and other processes out, from its first use until `release`, until a use fails,
            or until one ends while another process waits.
        on_open: Called each time the file was opened: others may have changed it since.
        on_make: Called before the file that was made gets its name.
        reaches: Folders that statements may read and write besides the file.
    """

    def __init__(
        self,
        path: str | Path,
        lock_timeout_s: float = 60.0,
        stay_open: bool = False,
        on_open: Callable[[], object] | None = None,
        on_make: Callable[[], object] | None = None,
        reaches: Sequence[Path] = (),
    ) -> None:
        self.path = Path(path)
        self.lock = ProcessLock(self.path, lock_timeout_s)
        self.stay_open = stay_open
        self._on_open, self._on_make = on_open, on_make
        self._reaches = tuple(reaches)
        self._kept: duckdb.DuckDBPyConnection | None = None
        self._until_release = ExitStack()
        self._uses = 0

    is_exclusive = True
    repeatable: tuple[type[Exception], ...] = ()

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def timeout_s(self) -> float:
        """How long, in seconds, to wait for another process before `WarehouseBusy`."""
        return self.lock.timeout_s

    @timeout_s.setter
    def timeout_s(self, seconds: float) -> None:
        self.lock.timeout_s = seconds

    def exists(self) -> bool:
        """Whether the file was made already."""
        return self.path.exists()

    def writing(self, table: str) -> AbstractContextManager[None]:
        """Nothing more: within a session other processes are kept out of all tables."""
        del table
        return nullcontext()

    def confirm(self, table: str) -> None:
        """Nothing: the process that has the file open keeps others out."""

    @contextmanager
    def session(self) -> Iterator[None]:
        """Keep the file open, and other processes out, between the connections of a short piece of work.

        Raises:
            WarehouseBusy: As `connect`.
        """
        with self.connect() as connection:
            if self.stay_open:
                yield
                return
            before, self._kept = self._kept, connection
            try:
                yield
            finally:
                self._kept = before

    def release(self) -> None:
        """Close the file, where it stayed open; the next use opens it again."""
        self._kept = None
        self._until_release.close()

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for a short time, in UTC, alone among all processes that come through here.

        Raises:
            WarehouseBusy: Another process kept the file for longer than the lock's timeout; it is named.
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
    def connect_read_only(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file that is there for reading alone, in UTC; nothing in the home is changed by it.

        Raises:
            WarehouseBusy: A process, ours or a foreign one, kept it for longer than the lock's timeout; it is named.
            StorageNotWritable, StorageDamaged: The file can't be read.
        """
        deadline = time.monotonic() + self.lock.timeout_s
        with explained(self.path):
            connection = self._when_free(lambda: connect(self.path, read_only=True, reaches=self._reaches), deadline)
            try:
                yield connection
            finally:
                connection.close()

    @property
    def draft(self) -> Path:
        """Where a copy of the whole file is written before it takes the file's place."""
        return self.path.with_suffix(".compacted.new")

    @contextmanager
    def _staying(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if self._kept is None:
            self._kept = self._until_release.enter_context(self._connection())
        self._uses += 1
        try:
            with explained(self.path):
                yield self._kept
        except BaseException:
            self.release()  # the next use may be minutes away
            raise
        finally:
            self._uses -= 1
        if not self._uses and self.lock.is_waited_for():
            self.release()

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with explained(self.path), self.lock.held() as deadline:
            if not self.path.exists():
                self._make()
            # those who wait for our lock wait for a foreign process, too: it is named to them
            connection = self._when_free(
                lambda: connect(self.path, reaches=self._drafts()), deadline, self.lock.name_holder
            )
            if self._on_open is not None:
                self._on_open()
            try:
                yield connection
            finally:
                connection.close()

    def _when_free(
        self,
        open_file: Callable[[], duckdb.DuckDBPyConnection],
        deadline: float,
        on_wait: Callable[[dict[str, object]], object] = lambda _: None,
    ) -> duckdb.DuckDBPyConnection:
        """Open the file once no foreign process has it, until `deadline` (monotonic, s)."""
        while True:
            try:
                return open_file()
            except duckdb.IOException as error:
                if not any(sign in str(error) for sign in _FOREIGN_LOCK_SIGNS):
                    raise
                holder = _foreign_process(error)
                if time.monotonic() >= deadline:
                    raise self.lock.busy(json.dumps(holder)) from error
                on_wait(holder)
                time.sleep(_FOREIGN_LOCK_POLL_S)

    def _drafts(self) -> list[Path]:
        """What a connection may reach besides the file: the copy, and the logs that DuckDB keeps beside it."""
        logs = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
        return [*(self.draft.with_name(f"{self.draft.name}{log}") for log in logs), *self._reaches]

    def _make(self) -> None:
        """A file that lost its process or its disk before it was whole is no database; it never gets the name."""
        draft = self.path.with_suffix(".new")
        for left in (draft, draft.with_name(f"{draft.name}.wal")):  # of another attempt: it would be replayed
            left.unlink(missing_ok=True)
        connect(draft).close()
        draft.chmod(private_files.OF_FILES)
        if self._on_make is not None:
            self._on_make()
        draft.rename(self.path)


def _foreign_process(error: duckdb.IOException) -> dict[str, object]:
    """The process that holds DuckDB's own lock, where known: DuckDB names the process, Linux its command."""
    holder: dict[str, object] = {"said": str(error).removeprefix("IO Error: ")}
    if not (match := _FOREIGN_PID.search(str(error))):
        return holder
    command = Path(f"/proc/{match[1]}/cmdline")
    words = command.read_bytes().decode(errors="replace").split("\0") if command.exists() else []
    return {"pid": int(match[1]), "command": " ".join(words).strip()[:200], **holder}
