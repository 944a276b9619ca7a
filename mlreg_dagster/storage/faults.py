"""Turns faults of the machine into errors for users: a full disk, a place that can't be written, a damaged file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
from sqlalchemy.exc import DBAPIError

from mlreg_dagster.core.errors import MlregError, TransientError


class StorageFull(TransientError):
    """The disk, or a quota or limit on it, has no room left; what was being written is not stored."""


class StorageNotWritable(MlregError):
    """A folder, file or file system that this user may not write."""


class StorageDamaged(MlregError):
    """A database file that was cut short, overwritten, or is none."""


_FULL = ("No space left on device", "disk is full")
_LIMITED = ("Disk quota exceeded", "File too large", "SQLITE_IOERR_WRITE")  # the last is SQLite's for both
_NOT_WRITABLE = (
    "Read-only file system",
    "Permission denied",
    "readonly database",
    "unable to open database file",
    "Operation not permitted",
    "File name too long",
    "Too many levels of symbolic links",
)
_DAMAGED = (
    "not a valid DuckDB database",
    "Could not read enough bytes",
    "Corrupt database file",
    "Corrupt WAL file",
    "Failure while replaying WAL file",
    "Failed to load metadata pointer",
    "file is not a database",
    "database disk image is malformed",
)


@contextmanager
def explained(place: object) -> Iterator[None]:
    """Turn errors of the system, DuckDB and SQLite into errors that name `place`; other errors pass as they are.

    Raises:
        StorageFull: The disk is full.
        StorageNotWritable: The place can't be written.
        StorageDamaged: A database file is damaged.
    """
    try:
        yield
    except (OSError, duckdb.Error, DBAPIError) as error:
        if (fault := fault_in(error, place)) is None:
            raise
        raise fault from error


def fault_in(error: Exception, place: object) -> MlregError | None:
    """The fault behind an error; None where it is none of these."""
    message = str(error.orig if isinstance(error, DBAPIError) else error)
    if isinstance(error, DBAPIError) and (name := getattr(error.orig, "sqlite_errorname", None)):
        message = f"{message}, {name}"
    if isinstance(error, OSError) and error.errno is not None:
        message = os.strerror(error.errno)
    if any(sign in message for sign in _LIMITED):
        return StorageFull(
            f"{place}: there is no room, for a quota or a limit on the size of files is reached ({message}). What was "
            f"being written is not stored; all else is as it was. Make room or raise the limit (ulimit -f), then run "
            f"this again."
        )
    if any(sign in message for sign in _FULL):
        return StorageFull(
            f"{place}: the disk is full ({message}). What was being written is not stored; all else is as it was. "
            f"Make room on it, then run this again."
        )
    if any(sign in message for sign in _NOT_WRITABLE):
        return StorageNotWritable(
            f"{place} can't be written ({message}). Nothing was stored. Look at the owner, the permissions and the "
            f"mount of its folder, or let MLREG_HOME name another one; then run this again."
        )
    if any(sign in message for sign in _DAMAGED):
        return StorageDamaged(
            f"{place} is damaged ({message}). Nothing was changed in it. Stop everything that uses it, move it away "
            f"and put a copy from before in its place; docs/runbook.md says what to do without one."
        )
    return None
