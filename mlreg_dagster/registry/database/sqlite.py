"""A registry in an SQLite file: how it is opened, and how a copy of it is made."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained, fault_in

WAIT_S = 30.0
"""How long a statement waits for another process that has the file locked."""


def make_engine(url: URL, json_serializer: Callable[[Any], str]) -> Engine:
    """The engine of a registry's URL; the file is made, empty and its owner's alone, if it is not there.

    Raises:
        NotAFolder, StorageFull, StorageNotWritable: It can't be made.
    """
    with explained(f"The registry {url}"):
        if (file := file_of(url)) is not None:
            private_files.make_folder(file.absolute().parent)
            private_files.make_file(file)
    return _engine_of(url, json_serializer)


@lru_cache(maxsize=64)
def _engine_of(url: URL, json_serializer: Callable[[Any], str]) -> Engine:
    """One for each URL, which keeps the statements it has compiled, and no connection: registries are opened often."""
    engine = create_engine(url, poolclass=NullPool, json_serializer=json_serializer, connect_args={"timeout": WAIT_S})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by its own rules
        # a damaged text must not cost the answer about all others; records and audit refuse it by name
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # a name that is erased is overwritten in the file, too

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and locks later fails at once when another writer came in between.
        writing = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def file_of(url: URL) -> Path | None:
    """The file that a URL names; None where it holds an address of SQLite's own (`file:…`) instead."""
    name = str(url.database)
    return None if name.startswith("file:") else Path(name)


def forget_overwritten(engine: Engine) -> None:
    """Rewrite the file, and empty its write-ahead log where it has one: neither keeps what rows held before.

    Raises:
        DBAPIError: Another process kept the file.
    """
    with engine.connect() as connection, closing(connection.connection.cursor()) as cursor:
        try:
            for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):  # no transaction may be open
                found = cursor.execute(statement).fetchone()
            if found is not None and found[0]:
                raise sqlite3.OperationalError("database is locked: a reader keeps the write-ahead log")
        except sqlite3.Error as error:
            raise DBAPIError(statement, None, error) from error


def back_up(connection: Connection, suffix: str) -> Path:
    """Copy the database beside itself, whole and on the disk; a copy of that name stays as it is.

    Args:
        connection: One whose transaction keeps other writers out and has written nothing yet.
        suffix: Follows the file's name; it stands for the content.

    Returns:
        Where the copy is.

    Raises:
        StorageFull, StorageNotWritable, StorageDamaged: The disk or the file is at fault; there is no copy.
    """
    source = Path(connection.exec_driver_sql("PRAGMA database_list").fetchall()[0][2])
    target, draft = (source.with_name(f"{source.name}.{end}") for end in (suffix, "copy.draft"))
    if target.exists():
        return target
    try:
        draft.unlink(missing_ok=True)  # of a process that died
        private_files.make_file(draft)
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(draft)) as new:
            old.backup(new)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(target)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        if (fault := fault_in(error, f"The copy {target}")) is None:
            raise
        raise fault from error
    return target
