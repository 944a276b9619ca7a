"""A registry as of a time: what was recorded later, or counts from later on only, does not show.

Moves of aliases, rollouts and suspensions have two times: here, too, they count from `effective_at` on. Where history
is replayed, which is recorded later than it counts, a version is there from its first move on, with the evaluation that
admitted it. The directory of people and the audit log are those of now.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection

from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.refusing import RefusingDatabase
from mlreg_dagster.registry.errors import UnknownVersion
from mlreg_dagster.registry.names import as_utc, listed
from mlreg_dagster.registry.records.models import ModelVersion
from mlreg_dagster.registry.registry import Registry


class RegistryAsOf(Registry):
    """The same registry, asked about a time.

    Args:
        registry: Which one.
        as_of: The time that is asked about.
    """

    def __init__(self, registry: Registry, as_of: datetime) -> None:
        self._as_of = as_utc(as_of)
        self._database = _DatabaseAsOf(registry._database, self._as_of)

    def versions(self) -> list[ModelVersion]:
        """The versions that were registered by then, or held an alias or were rolled out by then."""
        held = {move.version for move in self.recorded_moves()}
        held |= {each.candidate for alias in self.aliases() for each in self.traffic_history(alias)}
        return [each for each in super().versions() if each.created_at <= self._as_of or each.version in held]

    def version(self, name: str) -> ModelVersion:
        """One version.

        Raises:
            UnknownVersion: It is not registered, or was not yet.
        """
        found = super().version(name)
        known = self.versions()
        if found.version not in {each.version for each in known}:
            raise UnknownVersion(
                f"{name} did not exist at {self._as_of:%Y-%m-%d %H:%M} UTC: it was registered at "
                f"{found.created_at:%Y-%m-%d %H:%M}. Versions of then: {listed(each.version for each in known)}."
            )
        return found

    def _names(self) -> list[str]:
        return [each.version for each in self.versions()]


class _DatabaseAsOf(RefusingDatabase):
    def __init__(self, database: Database, as_of: datetime) -> None:
        self.url = database.url
        self._database, self._as_of = database, as_of

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection whose records are those of the time."""
        with self._database.reading() as connection:
            yield connection.execution_options(**{queries.AS_OF: self._as_of})
