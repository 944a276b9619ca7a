"""Moves of an alias that do not count: those that were refused, and those that a correction took back."""

from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import corrections, refusals
from mlreg_dagster.registry.errors import InvalidRecord
from mlreg_dagster.registry.names import as_utc, check_alias
from mlreg_dagster.registry.records.governance import Correction, Refusal, RefusalOutcome
from mlreg_dagster.registry.records.models import Attribution, ModelVersion


class Corrections:
    """The part of the registry that holds refused promotions and corrections."""

    _database: Database

    def take_back(self, alias: str, sequence: int, by: Attribution) -> Correction:
        """Take back the newest move of an alias, which a clock that was ahead recorded in the future.

        The move stays on record; no rule and no question sees it any more.

        Raises:
            InvalidRecord: The alias has no such move, a later one counts, it was taken back before, or it does not lie
                in the future.
        """
        by = by.checked()
        now = as_utc(by.time)
        with self._database.writing() as connection:
            known = {"alias": alias, "actor": by.actor, "reason": by.reason, "run_id": by.run_id}
            own = queries.of_run(connection, Correction, corrections, **known)
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
            return queries.append(connection, Correction, corrections, alias=alias, sequence=sequence, **by.columns)

    def corrections(self) -> list[Correction]:
        """All corrections, in the order in which they were recorded."""
        with self._database.reading() as connection:
            return queries.all_of(connection, Correction, corrections)

    def record_refusal(
        self, alias: str, version: ModelVersion, outcome: RefusalOutcome, because: str, by: Attribution
    ) -> Refusal:
        """Add that a promotion was refused, or has to wait.

        Args:
            alias: Which alias.
            version: Which version asked for it.
            outcome: Whether it has to wait or is refused.
            because: What stood in the way.
            by: Who asked, when and why.

        Raises:
            InvalidRecord: The alias, the actor or the reason has a forbidden form.
        """
        check_alias(alias)
        by = by.checked()
        with self._database.writing() as connection:
            return queries.append(
                connection,
                Refusal,
                refusals,
                alias=alias,
                version=version.version,
                artifact_sha256=version.artifact_sha256,
                outcome=outcome,
                because=because,
                **by.columns,
            )

    def refusals(self) -> list[Refusal]:
        """All refused promotions, in the order in which they were recorded."""
        with self._database.reading() as connection:
            return queries.all_of(connection, Refusal, refusals)
