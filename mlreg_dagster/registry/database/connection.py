"""Opens the registry's database for reading and writing, and creates it.

Every connection is short. Writing transactions exclude each other from their first statement on: what one has read
stays true until it has written, and the audit log is one chain. Which schema there is, is decided in `migrations`; what
differs between databases stands in `sqlite` and `postgres`.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from mlreg_dagster.core.untrusted.redaction import blotted
from mlreg_dagster.registry import audit
from mlreg_dagster.registry.database import postgres, sqlite
from mlreg_dagster.registry.database.schema import SCHEMA_VERSION
from mlreg_dagster.registry.errors import BackupNeeded, CommitUnanswered, InvalidRecord, RegistryUnavailable
from mlreg_dagster.registry.migrations import schemas
from mlreg_dagster.registry.migrations.schemas import SchemaUpgrade
from mlreg_dagster.storage.faults import fault_in

_NOTHING_STORED = "Nothing was stored. "


class Database:
    """The registry's database; it is opened, and made if it is new, when first needed.

    Args:
        url: An SQLAlchemy URL, `sqlite:////path/registry.db` or `postgresql://user@host/name`.
        on_made: Called within the transaction that creates the tables, or upgrades those of an older release.

    Raises:
        RegistryUnavailable: The URL is none, or not of these two databases.
    """

    def __init__(self, url: str, on_made: Callable[[Connection], object] | None = None) -> None:
        self.url = _checked_url(url)
        self._on_made = on_made

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read from; all that is read from it is of one moment.

        Raises:
            RegistryUnavailable: The database can't be reached or stayed locked.
            StorageFull, StorageNotWritable, StorageDamaged: The disk or the SQLite file is at fault.
            SchemaMismatch: Another release made it; `upgrade` brings an older one to the present schema.
        """
        with self._explained(""), self._reading_engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it is stored, or none.

        Where the answer to COMMIT is lost, the database is asked again whether it stored it.

        Raises:
            IntegrityError: The database refused a row.
            RegistryUnavailable: The database can't be reached or stayed locked.
            CommitUnanswered: The answer to COMMIT is lost, and the database can't be asked again.
            RegistryReadOnly: The server or the user may only read.
            StorageFull, StorageNotWritable, StorageDamaged: The disk or the SQLite file is at fault; nothing is stored.
            SchemaMismatch: Another release made it; `upgrade` brings an older one to the present schema.
        """
        with self._explained(_NOTHING_STORED), _begin_writing(self._engine, self._was_stored) as connection:
            yield connection

    def forget_overwritten(self) -> None:
        """Rewrite an SQLite file without what rows held before; PostgreSQL does so at its next VACUUM.

        Raises:
            RegistryUnavailable: Another process kept the file; the rows are stored, and this can be tried again.
        """
        if not self._is_sqlite:
            return
        with self._explained("The change is stored, and the file may hold what was there before: repeat the command. "):
            sqlite.forget_overwritten(self._engine)

    def upgrade(self, *, copied: bool = False) -> SchemaUpgrade:
        """Bring the tables of an older release to the present schema, after a copy of them was made.

        Whenever the process is killed, the old schema or the new one is there, whole. A registry that is not there
        yet, or has the present schema, stays as it is.

        Args:
            copied: A registry in PostgreSQL was copied; SQLite is copied here, in the same transaction.

        Raises:
            BackupNeeded: The registry is in PostgreSQL, and `copied` is not set.
            SchemaMismatch: A newer release made it, or its tables are not those of the schema that it names.
            RegistryDamaged: It does not fit its audit log; nothing was changed.
            RegistryUnavailable: It can't be reached, or another process kept it.
            StorageFull, StorageNotWritable, StorageDamaged: The disk or the SQLite file is at fault.
        """
        with self._explained(_NOTHING_STORED):
            if self._is_sqlite and (file := sqlite.file_of(self.url)) is not None and not file.exists():
                return SchemaUpgrade(None, None)
            engine = self._make_engine()
            with engine.connect() as connection:
                found = schemas.stored(connection)
            if found in {None, SCHEMA_VERSION}:
                return SchemaUpgrade(found, found)
            schemas.require_older(self.url, found)
            if not (self._is_sqlite or copied):
                raise BackupNeeded(
                    f"The registry {self.url} has schema {found} and is in PostgreSQL, of which no copy is made here. "
                    f"Make one (pg_dump --format=custom), then run mlreg upgrade --backup-made. Nothing was changed."
                )
            with _begin_writing(engine) as connection:
                return schemas.upgrade(connection, self.url, self._on_made)

    @property
    def _is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    def _make_engine(self) -> Engine:
        return sqlite.make_engine(self.url, _json) if self._is_sqlite else postgres.make_engine(self.url, _json)

    @cached_property
    def _engine(self) -> Engine:
        engine = self._make_engine()
        with engine.connect() as connection:
            found = schemas.stored(connection)
        if found is None:
            with _begin_writing(engine) as connection:
                found = schemas.create(connection, self._on_made)
        schemas.require_present(self.url, found)
        return engine

    @cached_property
    def _reading_engine(self) -> Engine:
        if self._is_sqlite:
            return self._engine  # where it is so anyway
        return self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def _was_stored(self, head: tuple[int, str], lost: DBAPIError) -> bool:
        """Whether a transaction that ended with this record of the audit log is there.

        Asked with the lock that it had: by then the server has ended it, in one way or the other.
        """
        try:
            with _begin_writing(self._engine) as connection:
                return audit.has(connection, *head)
        except (DBAPIError, RegistryUnavailable) as error:
            raise CommitUnanswered(
                f"The registry {self.url} did not answer to COMMIT ({self._message(lost)}) and can't be asked again "
                f"({self._message(error)}): "
                f"it is unknown whether it was stored. Look at it before you repeat this by hand; a run that is tried "
                f"again finds what it has stored."
            ) from lost

    def _message(self, error: DBAPIError | RegistryUnavailable) -> str:
        """The first line of the driver's message, without the password."""
        text = str(error.orig if isinstance(error, DBAPIError) else error).strip()
        return blotted(text.splitlines()[0].rstrip("."), [self.url.password]) if text else type(error).__name__

    @contextmanager
    def _explained(self, stored: str) -> Iterator[None]:
        """Turn errors of the database into sentences; `stored` states whether the rows were written."""
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            place = f"The registry {self.url}"
            raise (
                fault_in(error, place)
                or postgres.fault_of(error, place)
                or RegistryUnavailable(
                    f"{place} can't be used: {self._message(error)}. {stored}Check that "
                    f"it is there, that it may be written, and that no other program keeps it locked."
                )
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


@contextmanager
def _begin_writing(
    engine: Engine, was_stored: Callable[[tuple[int, str], DBAPIError], bool] | None = None
) -> Iterator[Connection]:
    """A transaction that keeps other writers out; `was_stored` is asked when the answer to its COMMIT is lost."""
    with engine.execution_options(writing=True).connect() as connection, connection.begin() as transaction:
        if connection.dialect.name == "postgresql":
            postgres.lock(connection)
        yield connection
        if was_stored is None:
            return
        head = audit.head(connection)
        try:
            transaction.commit()
        except DBAPIError as error:
            if not error.connection_invalidated or not was_stored(head, error):
                raise


def _json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidRecord(
            f"This can't be kept as JSON: {error}. Use plain numbers, texts, lists and dicts, and None "
            f"for what could not be computed."
        ) from error
