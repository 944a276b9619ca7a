"""A registry that is only asked: it is neither made nor upgraded, and the database itself refuses to be written."""

from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from mlreg_dagster.registry.database import postgres, sqlite
from mlreg_dagster.registry.database.refusing import RefusingDatabase
from mlreg_dagster.registry.errors import RegistryUnavailable
from mlreg_dagster.registry.migrations import schemas
from mlreg_dagster.registry.registry import Registry


class ReadOnlyRegistry(Registry):
    """A registry whose questions are answered and whose other methods raise `RegistryReadOnly`.

    Args:
        url: As for `Registry`.
        wait_s: How long a question waits for another process that has an SQLite file locked.
    """

    def __init__(self, url: str, wait_s: float = sqlite.WAIT_S) -> None:
        self._database = _ReadOnlyDatabase(url, wait_s)


class _ReadOnlyDatabase(RefusingDatabase):
    def __init__(self, url: str, wait_s: float) -> None:
        super().__init__(url)
        self._wait_s = wait_s

    @cached_property
    def _engine(self) -> Engine:
        engine = self._of_the_file() if self._is_sqlite else postgres.make_engine(self.url, None)
        try:
            with engine.connect() as connection:
                found = schemas.stored(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_READONLY_ROLLBACK":
                raise RegistryUnavailable(
                    f"A process died while it wrote to the registry {self.url}, and a reader can't undo the "
                    f"half of it. "
                    f"Run `mlreg policy show`, which opens it for writing and so undoes it."
                ) from error
            raise
        if found is None:
            raise RegistryUnavailable(f"There is no registry in {self.url} yet. mlreg demo or mlreg train makes one.")
        schemas.require_present(self.url, found)
        return engine

    def _of_the_file(self) -> Engine:
        file = Path(str(self.url.database)).absolute()
        if not file.exists():
            raise RegistryUnavailable(f"There is no registry in {file}. mlreg demo or mlreg train makes one.")
        return _engine_of(
            self.url.set(database=f"file:{quote(str(file))}", query={"mode": "ro", "uri": "true"}), self._wait_s
        )


@lru_cache(maxsize=64)
def _engine_of(url: URL, wait_s: float) -> Engine:
    """One for each file: see `sqlite`."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": wait_s})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by its own rules
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")  # records refuse it by name

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")  # all answers of a connection are of one moment

    return engine
