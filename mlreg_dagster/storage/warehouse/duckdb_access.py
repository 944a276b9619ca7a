"""Opens every DuckDB connection, so that it runs no code from outside and reaches only the files that it was given.

By itself DuckDB downloads and loads extensions that a query happens to name, reads any file of the machine and any
address on the network, and keeps secrets in the user's home folder. Nothing here needs that.
"""

import os
import re
from collections.abc import Callable, Sequence
from glob import escape
from pathlib import Path

import duckdb

_THREADS = max(1, (os.cpu_count() or 1) // 2)
"""Of a process. As many as cores only wait for each other where anything else runs: see docs/decisions/0069."""
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": _THREADS,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
}
_NO_FOLDER = "/dev/null/no-secrets"
_GLOB = re.compile(r"[*?\[{]")


def connect(
    database: Path | None = None, *, read_only: bool = False, reaches: Sequence[Path] = ()
) -> duckdb.DuckDBPyConnection:
    """Open a database, in UTC.

    Args:
        database: Its file; None = in memory.
        read_only: Change nothing.
        reaches: Files, and folders with all that is in them, that statements may read and write besides the database.
    """
    connection = duckdb.connect(":memory:" if database is None else str(database), read_only=read_only, config=_CONFIG)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        if connection.execute("SELECT current_setting('enable_external_access')").fetchone() == (True,):
            # A statement writes wildcards that stand in a name as plain letters, and DuckDB compares what is written.
            spellings = sorted({each for path in reaches for each in (str(path), escape(str(path)))})
            _confine(connection, spellings)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_attaching(attach: Callable[[duckdb.DuckDBPyConnection], object], reaches: str) -> duckdb.DuckDBPyConnection:
    """Open a database in memory, in UTC in all its cursors, and attach another one to it.

    Statements reach what was attached, and of files and addresses no others than those below one place. DuckDB does
    not forbid them `postgres_scan`, which reaches the databases that a user of this machine may.

    Args:
        attach: Loads extensions and attaches, before the rest is closed.
        reaches: The folder, on a disk or in an object store, that statements may read and write.
    """
    # What attaches to PostgreSQL asks all keepers of secrets, and fails where that of files is switched off.
    config = {**_CONFIG, "allow_persistent_secrets": True, "secret_directory": _NO_FOLDER}
    connection = duckdb.connect(":memory:", config=config)
    try:
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        attach(connection)
        _confine(connection, [reaches])
    except BaseException:
        connection.close()
        raise
    return connection


def _confine(connection: duckdb.DuckDBPyConnection, reaches: Sequence[str]) -> None:
    paths = ", ".join("'{}'".format(each.replace("'", "''")) for each in reaches)
    connection.execute(f"SET allowed_paths = [{paths}]")
    connection.execute(f"SET allowed_directories = [{paths}]")
    connection.execute("SET enable_external_access = false")


def folder_of(pattern: str) -> Path:
    """The folder that a file name reaches; of one with wildcards the deepest above the first of them."""
    path = Path(pattern).absolute()
    if path.exists():
        return path if path.is_dir() else path.parent
    for number, part in enumerate(path.parts):
        if _GLOB.search(part):
            return Path(*path.parts[:number])
    return path.parent
