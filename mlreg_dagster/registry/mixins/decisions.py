"""Decisions of people on a version's bytes, and their withdrawals."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import decisions, withdrawals
from mlreg_dagster.registry.errors import InvalidRecord
from mlreg_dagster.registry.names import as_utc
from mlreg_dagster.registry.records.governance import WAIVER, Decision, DecisionKind, Withdrawal, decision_title
from mlreg_dagster.registry.records.models import Attribution
from mlreg_dagster.registry.rules import check_same_bytes


class Decisions:
    """The part of the registry that holds decisions."""

    _database: Database

    def decide(
        self,
        kind: DecisionKind,
        version: str,
        by: Attribution,
        *,
        artifact_sha256: str,
        evaluation_id: int | None = None,
        waives: Iterable[str] = (),
        expires_at: datetime | None = None,
        signature: str | None = None,
    ) -> Decision:
        """Add a person's decision about a version's bytes; the other arguments are the fields of `Decision`.

        Raises:
            UnknownVersion: The version is not registered.
            InvalidRecord: Other bytes than the version's, an actor or reason of a forbidden form, or a waiver that
                waives nothing or does not expire later.
        """
        by, waives = by.checked(), tuple(waives)
        if (kind == WAIVER) != bool(waives) or (kind == WAIVER) != (expires_at is not None):
            raise InvalidRecord("A waiver says which rules it waives and when it expires; nothing else does.")
        if expires_at is not None and as_utc(expires_at) <= as_utc(by.time):
            raise InvalidRecord(f"A waiver that expires at {expires_at} has expired already ({by.time}).")
        with self._database.writing() as connection:
            check_same_bytes(queries.version_named(connection, version), artifact_sha256, decision_title(kind))
            return queries.append(
                connection,
                Decision,
                decisions,
                kind=kind,
                version=version,
                artifact_sha256=artifact_sha256,
                evaluation_id=evaluation_id,
                lifts=waives,
                expires_at=expires_at,
                signature=signature,
                **by.columns,
            )

    def decisions(self, version: str) -> list[Decision]:
        """All decisions about a version's bytes, in the order in which they were recorded.

        Raises:
            UnknownVersion: The version is not registered.
        """
        with self._database.reading() as connection:
            return queries.decisions_on(connection, queries.version_named(connection, version))

    def withdraw(self, decision_id: int, by: Attribution, *, signature: str | None = None) -> Withdrawal:
        """Add that a decision is taken back.

        Raises:
            InvalidRecord: There is no such decision, or an actor or reason of a forbidden form.
        """
        by = by.checked()
        with self._database.writing() as connection:
            self._decision(connection, decision_id)
            return queries.append(
                connection,
                Withdrawal,
                withdrawals,
                decision_id=decision_id,
                signature=signature,
                **by.columns,
            )

    def decision(self, decision_id: int) -> Decision:
        """One decision by its number.

        Raises:
            InvalidRecord: There is none.
        """
        with self._database.reading() as connection:
            return self._decision(connection, decision_id)

    def withdrawals(self, version: str) -> list[Withdrawal]:
        """All withdrawals of decisions about a version's bytes, in the order in which they were recorded.

        Raises:
            UnknownVersion: The version is not registered.
        """
        with self._database.reading() as connection:
            return queries.withdrawals_on(connection, queries.version_named(connection, version))

    @staticmethod
    def _decision(connection: Connection, decision_id: int) -> Decision:
        for each in queries.all_of(connection, Decision, decisions):
            if each.id == decision_id:
                return each
        raise InvalidRecord(f"There is no decision {decision_id}. `mlreg decisions VERSION` lists those on a version.")
