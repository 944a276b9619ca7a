"""The audit log, what does not fit it, and restores from copies."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from mlreg_dagster.registry import audit, trust
from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import audit_log, restores
from mlreg_dagster.registry.records.governance import Restore
from mlreg_dagster.registry.records.models import Attribution, AuditRecord
from mlreg_dagster.registry.trust import Trusted


class Log:
    """The part of the registry that holds its audit log."""

    _database: Database

    def audit_log(self) -> list[AuditRecord]:
        """A record of everything that was ever stored, in the order in which it was.

        Raises:
            RegistryDamaged: A record can't be read.
        """
        with self._database.reading() as connection:
            return audit.records(connection)

    def audit_head(self) -> tuple[int, str]:
        """Sequence and hash of the newest record, for a witness to remember; 0 and zeros without any."""
        with self._database.reading() as connection:
            return audit.head(connection)

    def places_in_log(self, kind: str) -> dict[int, int]:
        """The sequence of the audit record of each row of a table.

        Args:
            kind: The table: `alias_events`, `traffic_events`, `suspensions`, …
        """
        table = audit_log.c
        with self._database.reading() as connection:
            found = connection.execute(select(table.row, table.sequence).where(table.kind == kind))
            return {int(row): int(sequence) for row, sequence in found}

    def find_tampering(self, witnessed: Iterable[tuple[int, str]] = ()) -> str | None:
        """The first thing in the registry that does not fit its audit log, in words; None if all does.

        Args:
            witnessed: Sequence and hash of records that were there once, as witnesses remember them: without a
                witness, rows that were removed together with the newest records are not missed.
        """
        with self._database.reading() as connection:
            return audit.find_tampering(connection, witnessed)

    def trusted(self, known: Trusted | None = None, *, whole: bool = False) -> Trusted:
        """Who holds which alias, as far as it can be believed; see `trust.look`.

        Args:
            known: What was believed before; only what was added since is verified then.
            whole: Verify everything.

        Raises:
            RegistryTampered: The registry does not fit its audit log, or is another or an older one than before.
        """
        with self._database.reading() as connection:
            return trust.look(connection, known, whole=whole)

    def record_restore(self, facts: Mapping[str, Any], by: Attribution) -> Restore:
        """Add that this registry is a copy that was put back.

        Args:
            facts: What is known to be lost, as plain JSON.
            by: Who restored it, when and why.

        Raises:
            InvalidRecord: An actor or reason of a forbidden form, or facts that are no JSON.
        """
        by = by.checked()
        with self._database.writing() as connection:
            return queries.append(connection, Restore, restores, facts=dict(facts), **by.columns)

    def restores(self) -> list[Restore]:
        """All restores, in the order in which they were recorded."""
        with self._database.reading() as connection:
            return queries.all_of(connection, Restore, restores)

    def lost_records(self) -> set[tuple[int, str]]:
        """Sequence and hash of the audit records that restores lost, as they recorded."""
        facts = [restored.facts.get("lost_records", ()) for restored in self.restores()]
        return {(int(sequence), str(known)) for each in facts for sequence, known in each}

    def lost_versions(self) -> set[str]:
        """The versions that restores lost, as they recorded; their names stay taken."""
        return {name for restored in self.restores() for name in restored.facts.get("lost_versions", ())}
