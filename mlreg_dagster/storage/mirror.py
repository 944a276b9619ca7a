"""The mirror of the newest hour: whole files beside the tables, for readers outside of the graph.

A file is replaced as a whole or not at all. What the files hold is known where it is written: `market.features.newest`,
`outcomes.predicting.newest`.
"""

import os
from collections.abc import Hashable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from upath import UPath

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.folders import UnknownPlace, is_local, open_folder
from mlreg_dagster.storage.objects import Objects

if TYPE_CHECKING:
    import duckdb

FEATURES_FILE, THRESHOLDS_FILE = FILES = ("market_features.parquet", "thresholds.json")
LARGEST = 1 << 30  # an hour has some thousands of instruments
_LONGEST_REASON = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MirrorError(MlregError):
    """The mirror of the newest hour can't be kept, or a file of it is none of ours."""


class Mirror:
    """A folder of files that are replaced whole, each by one writer at a time: writers hold the lock of the tables.

    Args:
        root: Local folder, or an address that fsspec knows; it is made when first written to.

    Raises:
        MirrorError: It names no kind of store that is known here, or one whose package is not installed.
    """

    def __init__(self, root: str | Path) -> None:
        try:
            self.root = open_folder(str(root))
        except UnknownPlace as error:
            raise MirrorError(f"The newest hour can't be mirrored to {error}") from error
        self._objects = None if is_local(self.root) else Objects(self.root)

    def path(self, name: str) -> UPath:
        """Where a file is, for messages, too."""
        return self.root / name

    @property
    def local(self) -> Path | None:
        """The folder; None where it is not on the local disk."""
        return Path(self.root.path) if is_local(self.root) else None

    def replace(self, name: str, content: bytes) -> None:
        """Put a file in the place of the one that is there; a crash leaves the old one or the new one.

        Raises:
            StorageFull, StorageNotWritable: The old one is still there.
            StoreUnreachable: The object store may have the old one or the new one.
            MirrorError: Something else is in its place.
        """
        try:
            if self._objects is not None:
                self._objects.put({name: content})  # an object store shows a file once it is there as a whole
            elif self.local is not None:
                with explained(self.local / name):
                    self._replace(self.local, name, content)
        except OSError as error:
            raise MirrorError(f"{self.path(name)} can't be written: {_said(error)}.") from error

    @staticmethod
    def _replace(folder: Path, name: str, content: bytes) -> None:
        private_files.make_folder(folder)
        draft = folder / draft_of(name)
        try:
            private_files.write(draft, content)
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(folder / name)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: It is not there yet.
            MirrorError: Something else lies there, or the store can't be reached.
        """
        try:
            if self._objects is not None:
                return self._objects.read(name, LARGEST)
            return regular_files.read(self.path(name), LARGEST)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise MirrorError(f"{self.path(name)} can't be read: {_said(error)}.") from error

    def stamp(self, name: str) -> Hashable | None:
        """What differs once a file was replaced; None where there is no file.

        Raises:
            MirrorError: The store can't be reached.
        """
        try:
            if self.local is not None:
                found = (self.local / name).lstat()
                return found.st_ino, found.st_mtime_ns, found.st_size
            return None if self._objects is None else self._objects.stamp(name)
        except FileNotFoundError:
            return None
        except Exception as error:
            raise MirrorError(f"{self.path(name)} can't be looked at: {_said(error)}.") from error

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if self._objects is not None:
            self._objects.remove([name])
            return
        with explained(self.path(name)):
            self.path(name).unlink(missing_ok=True)


def draft_of(name: str) -> str:
    """The name under which a file is written on the local disk before it gets its own; left by a process that died."""
    return f".{name}.draft"


def newest_hour(connection: "duckdb.DuckDBPyConnection", table: str) -> datetime | None:
    """The newest hour of which a table holds rows; None where it holds none, or is not there yet.

    Args:
        connection: To the tables.
        table: The name of an hourly one.
    """
    there = "SELECT count(*) FROM duckdb_tables() WHERE table_name = $name"
    if not connection.execute(there, {"name": table}).fetchall()[0][0]:
        return None
    (found,) = connection.execute(f'SELECT epoch_us(max(hour)) FROM "{table}"').fetchall()[0]  # noqa: S608
    return None if found is None else _EPOCH + timedelta(microseconds=found)


def _said(error: Exception) -> str:
    return one_line(error, _LONGEST_REASON).rstrip(".") or type(error).__name__


def not_whole(place: object, reason: object) -> MirrorError:
    """The error of a file that was cut short or altered, or is another file."""
    return MirrorError(
        f"{place} is no whole file of the mirror of the newest hour ({one_line(reason, _LONGEST_REASON).rstrip('.')}). "
        f"The next hourly run writes it again; mlreg doctor tells when it lags behind."
    )
