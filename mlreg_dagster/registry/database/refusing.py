"""A database that is only asked: whatever would write is refused before anything is opened for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from sqlalchemy import Connection

from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.errors import RegistryReadOnly


class RefusingDatabase(Database):
    """Its questions are answered; subclasses say how it is opened."""

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Refuse.

        Raises:
            RegistryReadOnly: Always.
        """
        self._refuse()
        yield  # type: ignore[unreachable] # what makes it a context manager

    def upgrade(self, *, copied: bool = False) -> NoReturn:
        """Refuse.

        Raises:
            RegistryReadOnly: Always.
        """
        del copied
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise RegistryReadOnly(
            f"The registry {self.url} was opened for reading alone. Promote, approve and train with mlreg."
        )
