"""Aliases: who holds them, who held them when, and how they move."""

from datetime import datetime
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from mlreg_dagster.core.times import hours_between, read_hour
from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import alias_events
from mlreg_dagster.registry.mixins.alias_moves import add_move, dossier_of
from mlreg_dagster.registry.mixins.traffic import end_by_move
from mlreg_dagster.registry.names import as_utc, check_alias
from mlreg_dagster.registry.permit import Dossier, Permit, permit_passed
from mlreg_dagster.registry.records.models import AliasEvent, Attribution, Tenure
from mlreg_dagster.registry.rules import conflict, tenures_in


class Aliases:
    """The part of the registry that holds aliases. Moves that are taken back and refused ones are in `Corrections`."""

    _database: Database

    def dossier(self, version: str, alias: str) -> Dossier:
        """What would be judged if a version asked for an alias now.

        Raises:
            UnknownVersion: The version is not registered.
        """
        with self._database.reading() as connection:
            return dossier_of(connection, queries.version_named(connection, version), alias)

    def move_alias(
        self,
        alias: str,
        version: str,
        by: Attribution,
        *,
        expected: str | None,
        effective_at: datetime | None = None,
        permit: Permit = permit_passed,
    ) -> AliasEvent:
        """Point an alias to another version, if the caller knows who holds it; all in one transaction.

        A run that has made this very move already, and lost the answer, gets it back.

        Args:
            alias: Which alias.
            version: The name of the new holder.
            by: Who moves it, when and why.
            expected: Who holds the alias, as far as the caller knows; None: no version.
            effective_at: From when the move counts: at most now, at least that of the alias's last move. None: now.
            permit: Asked last, within the transaction; what it raises goes to the caller, and nothing is moved.

        Raises:
            InvalidRecord: The alias, the actor or the reason has a forbidden form.
            UnknownVersion: The version is not registered.
            GatesNotPassed: Its latest evaluation failed, or there is none.
            AliasConflict: Another version holds the alias; the message says since when, and who requested it.
            AlreadyHolder: The version holds it already.
            EffectiveTimeError: `effective_at` is after now or before the alias's last move, or now is before the time
                at which that was recorded.
        """
        check_alias(alias)
        by = by.checked()
        try:
            with self._database.writing() as connection:
                model = queries.version_named(connection, version)
                if (own := _move_of_run(connection, alias, by, version=version)) is not None:
                    return own
                dossier = dossier_of(connection, model, alias)
                move = add_move(connection, dossier, by, expected=expected, effective_at=effective_at, permit=permit)
                end_by_move(connection, move, by)
                return move
        except IntegrityError as error:  # of two moves that read the same holder, UNIQUE (alias, sequence) lets one
            raise conflict(alias, expected, self.holder(alias)) from error

    def holder(self, alias: str, as_of: datetime | None = None) -> AliasEvent | None:
        """The move that made a version the holder; None if no version held the alias.

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

    def histories(self) -> dict[str, list[AliasEvent]]:
        """`history` of every alias, all as of one moment."""
        with self._database.reading() as connection:
            return {alias: list(group) for alias, group in groupby(queries.moves(connection), attrgetter("alias"))}

    def aliases(self) -> dict[str, AliasEvent]:
        """Every alias with the move that made its holder."""
        with self._database.reading() as connection:
            return {move.alias: move for move in queries.moves(connection)}

    def tenures(self, alias: str, first: datetime, last: datetime) -> list[Tenure]:
        """Cut the whole hours `first … last` (both included) by who held the alias as of each hour.

        Hours without a holder are in no tenure.

        Raises:
            NotAnHour: `first` or `last` is not a whole hour.
        """
        return tenures_in(self.history(alias), hours_between(read_hour(first), read_hour(last)))

    def move_of_run(self, alias: str, by: Attribution) -> AliasEvent | None:
        """The move of an alias that a run has made, if it has."""
        with self._database.reading() as connection:
            return _move_of_run(connection, alias, by.checked())

    def recorded_moves(self, alias: str | None = None) -> list[AliasEvent]:
        """The moves of one alias or of all, those that were taken back included."""
        with self._database.reading() as connection:
            return queries.moves(connection, alias, taken_back=True)


def _move_of_run(connection: Connection, alias: str, by: Attribution, **more: str) -> AliasEvent | None:
    known = {"alias": alias, "actor": by.actor, "reason": by.reason, "run_id": by.run_id, **more}
    return queries.of_run(connection, AliasEvent, alias_events, **known)
