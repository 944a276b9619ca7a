"""Suspensions of aliases: no holder of a suspended alias scores. Who may do it is decided in `governance`."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import suspensions
from mlreg_dagster.registry.errors import AlreadySuspended, EffectiveTimeError, NotSuspended, SuspensionConflict
from mlreg_dagster.registry.mixins.alias_moves import dossier_of
from mlreg_dagster.registry.names import as_utc, check_alias
from mlreg_dagster.registry.permit import Dossier
from mlreg_dagster.registry.records.models import Attribution
from mlreg_dagster.registry.records.suspensions import RESUMED, SUSPENDED, Suspension, in_force
from mlreg_dagster.registry.rules import conflict

ResumePermit = Callable[[Dossier], Mapping[str, Any]]
"""Is asked within the transaction that resumes an alias, about its holder. Raises where it must not be resumed; what it
returns is kept with the change."""


class Suspensions:
    """The part of the registry that holds suspensions."""

    _database: Database

    def suspend(
        self,
        alias: str,
        by: Attribution,
        *,
        sequence: int,
        expected: str,
        facts: Mapping[str, Any],
        effective_at: datetime | None = None,
        signature: str | None = None,
    ) -> Suspension:
        """Let no holder of an alias score from now on.

        A run that has suspended it already, and lost the answer, gets it back.

        Args:
            alias: Which alias.
            by: Who suspends it, when and why.
            sequence: The number that this change is to have: one more than the newest that the caller knows.
            expected: Who holds the alias, as far as the caller knows.
            facts: How servers answer meanwhile.
            effective_at: From when it counts: at most now, at least as of the last change. None: now.
            signature: Of the actor.

        Raises:
            AlreadySuspended: It is suspended; the message says since when, by whom and why.
            SuspensionConflict: Another change came first.
            AliasConflict: Another version holds the alias.
            EffectiveTimeError: `effective_at` is after now, or before the last change.
            InvalidRecord: The alias, the actor or the reason has a forbidden form.
        """
        check_alias(alias)
        by = by.checked()
        with self._database.writing() as connection:
            if (own := _of_run(connection, alias, SUSPENDED, by)) is not None:
                return own
            newest = _newest(connection, alias)
            if newest is not None and newest.is_suspended:
                raise AlreadySuspended(f"{newest.in_words}. Nothing was recorded.")
            holder = next(reversed(queries.moves(connection, alias)), None)
            if holder is None or holder.version != expected:
                raise conflict(alias, expected, holder)
            held = (holder.version, holder.artifact_sha256)
            return _append(connection, by, SUSPENDED, alias, sequence, newest, held, facts, effective_at, signature)

    def resume(
        self,
        alias: str,
        by: Attribution,
        *,
        sequence: int,
        expected: str,
        permit: ResumePermit = lambda _dossier: {},
        effective_at: datetime | None = None,
        signature: str | None = None,
    ) -> Suspension:
        """Let the holder of a suspended alias score again; its other arguments are those of `suspend`.

        Args:
            alias: Which alias.
            by: Who resumes it, when and why.
            sequence: The number that this change is to have.
            expected: Who holds the alias, as far as the caller knows.
            permit: Asked last, within the transaction; what it raises goes to the caller, and nothing is stored.
            effective_at: As for `suspend`.
            signature: Of the actor.

        Raises:
            NotSuspended: The alias is not suspended.
            SuspensionConflict: Another change came first.
            AliasConflict: Another version holds the alias.
            EffectiveTimeError: As for `suspend`.
            InvalidRecord: As for `suspend`.
        """
        check_alias(alias)
        by = by.checked()
        with self._database.writing() as connection:
            if (own := _of_run(connection, alias, RESUMED, by)) is not None:
                return own
            newest = _newest(connection, alias)
            if newest is None or not newest.is_suspended:
                raise NotSuspended(f"{alias} is not suspended: there is nothing to resume.")
            holder = next(reversed(queries.moves(connection, alias)), None)
            if holder is None or holder.version != expected:
                raise conflict(alias, expected, holder)
            facts = permit(dossier_of(connection, queries.version_named(connection, holder.version), alias))
            held = (holder.version, holder.artifact_sha256)
            return _append(connection, by, RESUMED, alias, sequence, newest, held, facts, effective_at, signature)

    def suspension(self, alias: str, as_of: datetime | None = None) -> Suspension | None:
        """The suspension that holds for an alias; None: none does.

        Args:
            alias: Which alias.
            as_of: The time that is asked about; changes effective at that time count. None: now.
        """
        return in_force(self.suspensions(alias), None if as_of is None else as_utc(as_of)).get(alias)

    def suspensions(self, alias: str | None = None) -> list[Suspension]:
        """The changes of one alias or of all, each alias's first one first."""
        with self._database.reading() as connection:
            return queries.suspension_changes(connection, alias)

    def suspended(self, as_of: datetime | None = None) -> dict[str, Suspension]:
        """The suspensions that hold, by alias; `as_of` as for `suspension`."""
        return in_force(self.suspensions(), None if as_of is None else as_utc(as_of))


def _newest(connection: Connection, alias: str) -> Suspension | None:
    return next(reversed(queries.suspension_changes(connection, alias)), None)


def _append(
    connection: Connection,
    by: Attribution,
    event: str,
    alias: str,
    sequence: int,
    newest: Suspension | None,
    held: tuple[str, str],
    facts: Mapping[str, Any],
    effective_at: datetime | None,
    signature: str | None,
) -> Suspension:
    if sequence != (newest.sequence if newest else 0) + 1:
        raise SuspensionConflict(
            f"{alias} was not {event}: this was to be change {sequence} of its suspensions, but the newest is "
            f"{newest.sequence if newest else 0}. Look at it (mlreg history {alias}), and try again."
        )
    now = as_utc(by.time)
    effective_at = now if effective_at is None else as_utc(effective_at)
    earliest = min(newest.effective_at, now) if newest else effective_at  # a clock that was ahead delays no stop
    if not earliest <= effective_at <= now:
        raise EffectiveTimeError(
            f"{alias} can't be {event} as of {effective_at}: that has to lie between its last change ({earliest}) and "
            f"now ({now})."
        )
    version, artifact_sha256 = held
    return queries.append(
        connection,
        Suspension,
        suspensions,
        alias=alias,
        sequence=sequence,
        event=event,
        version=version,
        artifact_sha256=artifact_sha256,
        facts=dict(facts),
        effective_at=effective_at,
        signature=signature,
        **by.columns,
    )


def _of_run(connection: Connection, alias: str, event: str, by: Attribution) -> Suspension | None:
    known = {"alias": alias, "event": event, "actor": by.actor, "reason": by.reason, "run_id": by.run_id}
    return queries.of_run(connection, Suspension, suspensions, **known)
