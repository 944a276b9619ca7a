"""Aliases: who holds them, who held them when, and how they move."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from mlreg_dagster.core.times import hours_between, read_hour
from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import alias_events, corrections, refusals
from mlreg_dagster.registry.errors import EffectiveTimeError, InvalidRecord
from mlreg_dagster.registry.governance_records import Correction, PolicyRecord, Refusal, RefusalOutcome, Withdrawal
from mlreg_dagster.registry.names import as_utc, check_alias, checked_actor, checked_reason
from mlreg_dagster.registry.records import AliasEvent, Decision, Evaluation, ModelVersion, Spell
from mlreg_dagster.registry.rules import check_move, conflict, cut_into_spells, passed_evaluation


@dataclass(frozen=True)
class Dossier:
    """Everything on record when a version asks for an alias, as of one moment.

    Attributes:
        version: Who asks.
        evaluations: Of its bytes, experiments included, the latest one last.
        decisions: About its bytes, the latest one last.
        withdrawals: Of these decisions.
        moves: Of the alias, without those that a correction took back.
        policy: What is in force; None where none was recorded yet.
    """

    version: ModelVersion
    evaluations: list[Evaluation]
    decisions: list[Decision]
    withdrawals: list[Withdrawal]
    moves: list[AliasEvent]
    policy: PolicyRecord | None


@dataclass(frozen=True)
class Permission:
    """Why an alias may move: the evaluation that admits the version, and the evidence that is kept with the move."""

    evaluation: Evaluation
    evidence: Mapping[str, Any]


Permit = Callable[[Dossier], Permission]
"""Asked within the transaction that moves an alias. Raises where the alias must not move."""


def permit_passed(dossier: Dossier) -> Permission:
    """Nothing but passed gates is asked for."""
    return Permission(passed_evaluation(dossier.version.version, dossier.evaluations), {})


class Aliases:
    """The part of the registry that holds aliases, their corrections, and refused promotions."""

    _database: Database

    def dossier(self, version: str, alias: str) -> Dossier:
        """What would be judged if a version asked for an alias now.

        Raises:
            UnknownVersion: The version is not registered.
        """
        with self._database.reading() as connection:
            return _dossier(connection, queries.version_named(connection, version), alias)

    def move_alias(
        self,
        alias: str,
        version: str,
        *,
        expected: str | None,
        effective_at: datetime,
        now: datetime,
        actor: str,
        reason: str,
        run_id: str | None = None,
        permit: Permit = permit_passed,
    ) -> AliasEvent:
        """Point an alias to another version, if the caller knows who holds it; all in one transaction.

        A run that has made this very move already, and did not hear of it, gets it back.

        Args:
            alias: Which alias.
            version: The name of the new holder.
            expected: Who holds the alias, as far as the caller knows; None: nobody.
            effective_at: From when the move counts: at most `now`, at least that of the alias's last move.
            now: The current time.
            actor: Who moves it.
            reason: Why.
            run_id: The run that does.
            permit: Asked last, within the transaction; what it raises goes to the caller, and nothing is moved.

        Raises:
            InvalidRecord: The alias, the actor or the reason has a forbidden form.
            UnknownVersion: The version is not registered.
            GatesNotPassed: Its latest evaluation failed, or there is none.
            AliasConflict: Another version holds the alias; the message says since when, and who requested it.
            AlreadyHolder: The version holds it already.
            EffectiveTimeError: `effective_at` is after `now` or before the alias's last move, or `now` is before the
                time at which that was recorded.
        """
        check_alias(alias)
        actor, reason = checked_actor(actor), checked_reason(reason)
        effective_at, now = as_utc(effective_at), as_utc(now)
        if effective_at > now:
            raise EffectiveTimeError(f"{alias} can't move as of {effective_at}: that is after now ({now}).")
        with self._database.writing() as connection:
            model = queries.version_named(connection, version)
            asked = {"alias": alias, "version": version, "actor": actor, "reason": reason, "run_id": run_id}
            if (own := queries.of_run(connection, AliasEvent, alias_events, **asked)) is not None:
                return own
            dossier = _dossier(connection, model, alias)
            current = dossier.moves[-1] if dossier.moves else None
            check_move(alias, version, expected, current, effective_at, now)
            permission = permit(dossier)
            try:
                return queries.append(
                    connection,
                    AliasEvent,
                    alias_events,
                    alias=alias,
                    sequence=queries.last_sequence(connection, alias) + 1,
                    version=version,
                    previous_version=expected,
                    artifact_sha256=model.artifact_sha256,
                    evaluation_id=permission.evaluation.id,
                    effective_at=effective_at,
                    recorded_at=now,
                    actor=actor,
                    reason=reason,
                    run_id=run_id,
                    evidence=dict(permission.evidence),
                )
            except IntegrityError as error:  # of two moves that read the same holder, UNIQUE (alias, sequence) lets one
                raise conflict(alias, expected, self.holder(alias)) from error

    def holder(self, alias: str, as_of: datetime | None = None) -> AliasEvent | None:
        """The move that made a version the holder; None if nobody held the alias.

        Args:
            alias: Which alias.
            as_of: The time that is asked about; moves effective at that time count. None: the last move.
        """
        moves = self.history(alias)
        if as_of is not None:
            # compared as values, not by the database: the audit log vouches for values
            moves = [move for move in moves if move.effective_at <= as_utc(as_of)]
        return moves[-1] if moves else None

    def history(self, alias: str) -> list[AliasEvent]:
        """The moves of an alias, the first one first, without those that a correction took back."""
        with self._database.reading() as connection:
            return queries.moves(connection, alias)

    def aliases(self) -> dict[str, AliasEvent]:
        """Every alias with the move that made its holder."""
        with self._database.reading() as connection:
            return {move.alias: move for move in queries.moves(connection)}

    def spells(self, alias: str, first: datetime, last: datetime) -> list[Spell]:
        """Cut the whole hours `first … last` (both included) by who held the alias as of each hour.

        Hours without a holder are in no spell.

        Raises:
            NotAnHour: `first` or `last` is not a whole hour.
        """
        return cut_into_spells(self.history(alias), hours_between(read_hour(first), read_hour(last)))

    def move_of_run(self, run_id: str | None, alias: str, actor: str, reason: str) -> AliasEvent | None:
        """The move of an alias that a run has made, if it has."""
        asked = {"alias": alias, "actor": checked_actor(actor), "reason": checked_reason(reason), "run_id": run_id}
        with self._database.reading() as connection:
            return queries.of_run(connection, AliasEvent, alias_events, **asked)

    def recorded_moves(self, alias: str | None = None) -> list[AliasEvent]:
        """The moves of one alias or of all, those that were taken back included."""
        with self._database.reading() as connection:
            return queries.moves(connection, alias, taken_back=True)

    def take_back(
        self, alias: str, sequence: int, *, actor: str, reason: str, now: datetime, run_id: str | None = None
    ) -> Correction:
        """Take back the newest move of an alias, which a clock that was ahead recorded in the future.

        The move stays on record; no rule and no question sees it any more.

        Raises:
            InvalidRecord: The alias has no such move, a later one counts, it was taken back before, or it does not lie
                in the future.
        """
        actor, reason, now = checked_actor(actor), checked_reason(reason), as_utc(now)
        with self._database.writing() as connection:
            asked = {"alias": alias, "actor": actor, "reason": reason, "run_id": run_id}
            own = queries.of_run(connection, Correction, corrections, **asked)
            if own is not None and own.sequence == sequence:
                return own
            moves = queries.moves(connection, alias)
            if not moves or moves[-1].sequence != sequence:
                newest = f"move {moves[-1].sequence}" if moves else "none"
                raise InvalidRecord(
                    f"Move {sequence} of {alias} can't be taken back: the newest that counts is {newest}."
                )
            if moves[-1].recorded_at <= now:
                raise InvalidRecord(
                    f"Move {sequence} of {alias} can't be taken back: it was recorded {moves[-1].recorded_at}, "
                    f"which is not after now ({now}). Only moves from the future are; promote or roll back instead."
                )
            return queries.append(
                connection,
                Correction,
                corrections,
                alias=alias,
                sequence=sequence,
                actor=actor,
                reason=reason,
                recorded_at=now,
                run_id=run_id,
            )

    def corrections(self) -> list[Correction]:
        """All corrections, in the order in which they were recorded."""
        with self._database.reading() as connection:
            return queries.all_of(connection, Correction, corrections)

    def record_refusal(
        self,
        *,
        alias: str,
        version: ModelVersion,
        actor: str,
        reason: str,
        outcome: RefusalOutcome,
        because: str,
        recorded_at: datetime,
        run_id: str | None = None,
    ) -> Refusal:
        """Add that a promotion was refused, or has to wait; the arguments are the fields of `Refusal`.

        Raises:
            InvalidRecord: The alias, the actor or the reason has a forbidden form.
        """
        check_alias(alias)
        with self._database.writing() as connection:
            return queries.append(
                connection,
                Refusal,
                refusals,
                alias=alias,
                version=version.version,
                artifact_sha256=version.artifact_sha256,
                actor=checked_actor(actor),
                reason=checked_reason(reason),
                outcome=outcome,
                because=because,
                recorded_at=recorded_at,
                run_id=run_id,
            )

    def refusals(self) -> list[Refusal]:
        """All refused promotions, in the order in which they were recorded."""
        with self._database.reading() as connection:
            return queries.all_of(connection, Refusal, refusals)


def _dossier(connection: Connection, model: ModelVersion, alias: str) -> Dossier:
    return Dossier(
        version=model,
        evaluations=queries.evaluations_of(connection, model),
        decisions=queries.decisions_on(connection, model),
        withdrawals=queries.withdrawals_on(connection, model),
        moves=queries.moves(connection, alias),
        policy=queries.policy_in_force(connection),
    )
