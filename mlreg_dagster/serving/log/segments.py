"""The file that one process appends lines to until it is sealed by a rename; a lock says that the process lives."""

import errno
import os
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.prediction_log import SUFFIX, Layout, sealed_name

_PROBE = b"\n" * 4096  # readers pass over empty lines


class SegmentGone(OSError):
    """The file or its folder was removed or replaced while it was written."""


class OpenSegment:
    """A segment that this process writes; it is kept locked until it is sealed, and a process that dies unlocks it.

    Attributes:
        size: Bytes in it.
        opened: When it was made (monotonic, s).
    """

    def __init__(self, layout: Layout, durable: bool) -> None:
        """Make a new one.

        Args:
            layout: Where; its root is there.
            durable: Whether every line is to survive a loss of power.

        Raises:
            OSError: It can't be made.
        """
        self.size, self.opened = 0, time.monotonic()
        self._layout, self._durable = layout, durable
        self._first: datetime | None = None
        self._last: datetime | None = None
        for folder in (layout.open, layout.sealed):
            folder.mkdir(private_files.OF_FOLDERS, exist_ok=True)
        self._name, self._path, self._descriptor = _made(layout)
        self._inode = os.fstat(self._descriptor).st_ino
        if durable:
            _sync_folder(layout.open)

    def append(self, line: bytes, answered_at: datetime) -> None:
        """Write a line by one call of the system; after an error the file is as it was before.

        Raises:
            SegmentGone: The file is not in its place any more.
            OSError: It can't be written in full, or its beginning can't be taken back: then the segment is to be given
                up, and its reader finds a torn line.
        """
        self.require_in_place()
        try:
            if os.write(self._descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, "only a part of the line was written")
            if self._durable:
                os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(line)
        self._first = min(self._first or answered_at, answered_at)
        self._last = max(self._last or answered_at, answered_at)

    def takes(self, answered_at: datetime) -> bool:
        """Whether an answer may join those in it: they are of one hour, so that they are stored at once.

        Threads may finish answers in another order, by a little. A clock that was put back begins another segment.
        """
        first, last = self._first, self._last
        if first is None or last is None:
            return True
        is_later = (answered_at.date(), answered_at.hour) > (last.date(), last.hour)
        return not is_later and first - answered_at < timedelta(hours=1)

    def take_back(self, line: bytes) -> None:
        """Cut off the newest line.

        Raises:
            OSError: It can't be cut off.
        """
        os.ftruncate(self._descriptor, self.size - len(line))
        self.size -= len(line)

    def probe(self) -> None:
        """Find out whether a line could be written now.

        Raises:
            OSError: It could not.
        """
        self.require_in_place()
        try:
            if os.write(self._descriptor, _PROBE) < len(_PROBE):
                raise OSError(errno.ENOSPC, "only a part of the line was written")
        finally:
            os.ftruncate(self._descriptor, self.size)

    def seal(self) -> Path | None:
        """End it; gives where it lies from now on, or None where it held nothing and is gone.

        Raises:
            OSError: It can't be renamed; its reader finds it where it was.
        """
        try:
            self.require_in_place()
            if self._first is None or self._last is None:
                self._path.unlink()
                return None
            target = self._layout.sealed / sealed_name(self._first, self._last, self._name)
            self._path.rename(target)
            if self._durable:
                _sync_folder(self._layout.sealed)
            return target
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Close and unlock the file where it lies."""
        os.close(self._descriptor)

    def require_in_place(self) -> None:
        """Refuse to write into a file that no reader would find.

        Raises:
            SegmentGone: It was removed, moved or replaced.
        """
        try:
            if self._path.stat().st_ino == self._inode:
                return
        except FileNotFoundError:
            pass
        raise SegmentGone(f"{self._path} was removed or replaced while it was written")


def lock(descriptor: int) -> bool:
    """Lock a segment for this process; False where another process, alive, has it."""
    import fcntl  # of Unix alone: code locations load without it

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _made(layout: Layout) -> tuple[str, Path, int]:
    """The name, path and descriptor of a new file, locked; a reader may have taken it for one of a dead process."""
    while True:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(4)}"
        path = layout.open / f"{name}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, private_files.OF_FILES)
        try:
            if lock(descriptor) and path.exists():
                return name, path, descriptor
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
