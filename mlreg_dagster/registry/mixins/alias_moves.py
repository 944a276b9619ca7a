"""Adds a move of an alias within a transaction of the caller's: for moves by themselves, and for those of a rollout."""

from datetime import datetime

from sqlalchemy import Connection

from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.schema import alias_events
from mlreg_dagster.registry.errors import EffectiveTimeError
from mlreg_dagster.registry.names import as_utc
from mlreg_dagster.registry.permit import Dossier, Permit
from mlreg_dagster.registry.records.models import AliasEvent, Attribution, ModelVersion
from mlreg_dagster.registry.records.suspensions import in_force
from mlreg_dagster.registry.rules import check_move


def dossier_of(connection: Connection, model: ModelVersion, alias: str) -> Dossier:
    """What is judged when a version asks for an alias."""
    return Dossier(
        alias=alias,
        version=model,
        evaluations=queries.evaluations_of(connection, model),
        decisions=queries.decisions_on(connection, model),
        withdrawals=queries.withdrawals_on(connection, model),
        moves=queries.moves(connection, alias),
        policy=queries.policy_in_force(connection),
        suspended=in_force(queries.suspension_changes(connection)),
    )


def add_move(
    connection: Connection,
    dossier: Dossier,
    by: Attribution,
    *,
    expected: str | None,
    effective_at: datetime | None,
    permit: Permit,
) -> AliasEvent:
    """Add the move of an alias to a version; arguments and errors are those of `Registry.move_alias`.

    Raises:
        IntegrityError: Of two moves that read the same holder, UNIQUE (alias, sequence) lets one through.
    """
    alias, model, now = dossier.alias, dossier.version, as_utc(by.time)
    effective_at = now if effective_at is None else as_utc(effective_at)
    if effective_at > now:
        raise EffectiveTimeError(f"{alias} can't move as of {effective_at}: that is after now ({now}).")
    current = dossier.moves[-1] if dossier.moves else None
    check_move(alias, model.version, expected, current, effective_at, now)
    permission = permit(dossier)
    return queries.append(
        connection,
        AliasEvent,
        alias_events,
        alias=alias,
        sequence=queries.last_sequence(connection, alias) + 1,
        version=model.version,
        previous_version=expected,
        artifact_sha256=model.artifact_sha256,
        evaluation_id=permission.evaluation.id,
        effective_at=effective_at,
        evidence=dict(permission.evidence),
        **by.columns,
    )
