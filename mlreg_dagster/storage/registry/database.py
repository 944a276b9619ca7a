"""Connections to the registry's database: how it is opened, made, read and written.

Every connection is short. Writing transactions exclude each other from their first statement on: what one has read
stays true until it has written, and the audit log is one chain.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, insert, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool

from mlreg_dagster.redaction import blotted
from mlreg_dagster.storage import private
from mlreg_dagster.storage.faults import explained, fault_in
from mlreg_dagster.storage.registry.errors import InvalidRecord, RegistryUnavailable, SchemaMismatch
from mlreg_dagster.storage.registry.schema import SCHEMA_VERSION, metadata, schema_version

_SQLITE_WAIT_S = 30.0
_WRITING_LOCK = 0x6D6C726567  # "mlreg": any number will do, as long as it stays the same


class Database:
    """The registry's database; it is opened, and made if it is new, when first needed.

    Args:
        url: An SQLAlchemy URL, `sqlite:////path/registry.db` or `postgresql://user@host/name`.

    Raises:
        RegistryUnavailable: The URL is none, or not of these two databases.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked_url(url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read from; all that is read from it is of one moment.

        Raises:
            RegistryUnavailable: The database can't be reached or stayed locked.
            StorageFull, StorageNotWritable, StorageDamaged: The disk or the SQLite file is at fault.
            SchemaMismatch: It was made by another release.
        """
        with self._explained(), self._reading_engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it is stored, or none.

        Raises:
            IntegrityError: The database refused a row.
            RegistryUnavailable: The database can't be reached or stayed locked.
            StorageFull, StorageNotWritable, StorageDamaged: The disk or the SQLite file is at fault; nothing is stored.
            SchemaMismatch: It was made by another release.
        """
        with self._explained(), _begin_writing(self._engine) as connection:
            yield connection

    @cached_property
    def _engine(self) -> Engine:
        engine = _sqlite_engine(self.url) if self.url.get_backend_name() == "sqlite" else _postgres_engine(self.url)
        with engine.connect() as connection:
            found = _stored_schema(connection)
        if found is None:
            with _begin_writing(engine) as connection:
                found = _create(connection)
        if found != SCHEMA_VERSION:
            raise SchemaMismatch(
                f"The registry {self.url} has schema {found}, this release needs {SCHEMA_VERSION}. "
                f"Use the release that made it, or another MLREG_HOME."
            )
        return engine

    @cached_property
    def _reading_engine(self) -> Engine:
        if self._engine.dialect.name == "sqlite":
            return self._engine  # where it is so anyway
        return self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            place = f"The registry {self.url}"
            said = blotted(str(error.orig), [self.url.password])
            raise fault_in(error, place) or RegistryUnavailable(
                f"{place} can't be used: {said}. Nothing was stored. Check that it is there, that it may "
                f"be written, and that no other program keeps it locked."
            ) from error


def _checked_url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise RegistryUnavailable(
            "The registry's URL can't be read. Write sqlite:////path/registry.db or postgresql://user@host/name."
        ) from None  # whose cause may show it
    if any("passw" in option.lower() for option in url.query if option != "passfile"):
        raise RegistryUnavailable(
            "The registry's URL has a password among its options, where messages would show it. Write it as "
            "postgresql://user:password@host/name, or in a password file."
        )
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    backend = url.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise RegistryUnavailable(f"The registry can't live in {backend}. Use sqlite or postgresql.")
    if backend == "sqlite" and url.database in {None, "", ":memory:"}:
        raise RegistryUnavailable(f"The registry needs a file; {url} would forget it. Use sqlite:////path/registry.db.")
    return url


def _sqlite_engine(url: URL) -> Engine:
    with explained(f"The registry {url}"):
        if not str(url.database).startswith("file:"):  # which SQLite reads as an address of its own
            private.make_folder(Path(str(url.database)).absolute().parent)
            private.make_file(Path(str(url.database)))
    engine = create_engine(url, poolclass=NullPool, json_serializer=_json, connect_args={"timeout": _SQLITE_WAIT_S})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by its own rules
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and locks later fails at once when another writer came in between.
        writing = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgres_engine(url: URL) -> Engine:
    try:
        return create_engine(url, poolclass=NullPool, json_serializer=_json)
    except ModuleNotFoundError as error:
        raise RegistryUnavailable(
            f"A registry in PostgreSQL needs the package {error.name}. Install mlreg-dagster[postgres]."
        ) from error


@contextmanager
def _begin_writing(engine: Engine) -> Iterator[Connection]:
    with engine.execution_options(writing=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_WRITING_LOCK)))
        yield connection


def _stored_schema(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema_version.name):
        return None
    found: int | None = connection.scalar(select(schema_version.c.version))
    return found


def _create(connection: Connection) -> int:
    found = _stored_schema(connection)  # another process may have been faster
    if found is not None:
        return found
    metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
    return SCHEMA_VERSION


def _json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidRecord(
            f"This can't be kept as JSON: {error}. Use plain numbers, texts, lists and dicts, and None "
            f"for what could not be computed."
        ) from error
