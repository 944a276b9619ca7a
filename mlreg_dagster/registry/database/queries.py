"""Reads and appends rows as records: the few statements of the registry.

Transactions are the caller's; rules about what may be stored stand in `rules`.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Boolean, Connection, RowMapping, Select, String, Table, func, insert, select
from sqlalchemy.exc import DBAPIError

from mlreg_dagster.core.people import OF_THE_PROJECT
from mlreg_dagster.registry import audit
from mlreg_dagster.registry.database import schema
from mlreg_dagster.registry.database.column_types import Texts
from mlreg_dagster.registry.database.schema import (
    alias_events,
    corrections,
    decisions,
    evaluations,
    model_versions,
    policies,
    policy_approvals,
    suspensions,
    withdrawals,
)
from mlreg_dagster.registry.directory import Directory
from mlreg_dagster.registry.errors import InvalidRecord, RegistryDamaged, UnknownVersion
from mlreg_dagster.registry.names import as_utc, listed
from mlreg_dagster.registry.records.governance import Decision, PolicyApproval, PolicyRecord, Withdrawal
from mlreg_dagster.registry.records.models import AliasEvent, Evaluation, ModelVersion
from mlreg_dagster.registry.records.people import Person, PersonChange
from mlreg_dagster.registry.records.suspensions import Suspension
from mlreg_dagster.storage.faults import fault_in

_Record = TypeVar("_Record")

AS_OF = "mlreg_as_of"
"""Execution option of a connection: the time that is asked about, after which no record shows; see `registry.as_of`."""


def append(connection: Connection, cls: type[_Record], table: Table, **values: Any) -> _Record:
    """Insert a row and its record in the audit log, and return it as it was stored.

    A run that is tried again, since the answer to its COMMIT was lost, finds the row that it has stored.

    Raises:
        InvalidRecord: It holds a name that the directory of people must be able to erase.
    """
    values = _by_ids(connection, values)
    content = {name: value for name, value in values.items() if type(table.c[name].type) in (String, Boolean, Texts)}
    if (stored := of_run(connection, cls, table, **content)) is not None:
        return stored
    row = connection.execute(insert(table).values(values).returning(table)).mappings().one()
    audit.record(connection, table, row)
    return _record(cls, row)


def of_run(
    connection: Connection,
    cls: type[_Record],
    table: Table,
    *,
    run_id: str | None = None,
    **content: str | bool | tuple[str, ...] | None,
) -> _Record | None:
    """The newest row of a table that a run has stored, if it has the same content; without a run there is none.

    Args:
        connection: Where it is read from.
        cls: The class of its record.
        table: Which table.
        run_id: The run.
        content: What the row must hold, by column. Signatures are not compared: they depend on the time.
    """
    if run_id is None:
        return None
    statement = select(table).where(table.c.run_id == run_id).order_by(*table.primary_key.columns)
    newest = next(reversed(records(connection, cls, statement)), None)
    if newest is None or any(getattr(newest, key) != value for key, value in content.items() if key != "signature"):
        return None
    return newest


_WHO = ("actor", "created_by", "owner")
_WRITTEN_BY_PEOPLE = ("reason", "title")


def _by_ids(connection: Connection, values: dict[str, Any]) -> dict[str, Any]:
    """The values of a row with ids in place of the names that the directory of people holds.

    Callers that sign resolve names before; this is what keeps names out, whatever a caller does.

    Raises:
        InvalidRecord: The row is signed as of a name, or a text that a person wrote holds one.
    """
    if not (directory := Directory(people(connection))):
        return values
    found = {name: directory.id_of(values[name]) for name in _WHO if isinstance(values.get(name), str)}
    if values.get("signature") and any(values[name] != person for name, person in found.items()):
        raise InvalidRecord("The signature is of a name that the directory of people has an id for. Sign with the id.")
    if found.get("actor") not in OF_THE_PROJECT:
        for name in _WRITTEN_BY_PEOPLE:
            directory.refuse_names(name, str(values.get(name) or ""))
    return {**values, **found}


def people(connection: Connection) -> list[Person]:
    """Everybody who was ever added, in that order, with roles and key by their newest change."""
    rows = connection.execute(select(schema.people).order_by(schema.people.c.number)).mappings().all()
    if not rows:
        return []
    if not all(isinstance(text, str | None) for row in rows for text in (row["person"], row["name"], row["contact"])):
        raise RegistryDamaged("The directory of people can't be read. `mlreg audit verify` says what was changed.")
    newest = {change.person: change for change in all_of(connection, PersonChange, schema.person_changes)}
    return [
        Person(
            id=row["person"],
            name=row["name"],
            contact=row["contact"],
            roles=change.roles if (change := newest.get(row["person"])) else (),
            public_key=change.public_key if change else None,
            sequence=change.sequence if change else 0,
        )
        for row in rows
    ]


def changes_of(connection: Connection, person: str) -> list[PersonChange]:
    """The changes of a person's entry, the newest last."""
    table = schema.person_changes.c
    return records(
        connection, PersonChange, select(schema.person_changes).where(table.person == person).order_by(table.id)
    )


def all_of(connection: Connection, cls: type[_Record], table: Table) -> list[_Record]:
    """All rows of a table, by their primary key."""
    return records(connection, cls, select(table).order_by(*table.primary_key.columns))


def version_names(connection: Connection) -> Sequence[str]:
    """The names of all versions, from v1 up."""
    return [
        str(name) for name in connection.scalars(select(model_versions.c.version).order_by(model_versions.c.number))
    ]


def all_versions(connection: Connection) -> list[ModelVersion]:
    """All versions, from v1 up."""
    return all_of(connection, ModelVersion, model_versions)


def version_named(connection: Connection, name: str) -> ModelVersion:
    """One version.

    Raises:
        UnknownVersion: It is not registered; the message lists what is.
    """
    found = records(connection, ModelVersion, select(model_versions).where(model_versions.c.version == name))
    if not found:
        raise UnknownVersion(
            f"{name[:80]!a} is not registered. Registered versions: {listed(version_names(connection))}."
            if not name.isprintable() or len(name) > 80
            else f"{name} is not registered. Registered versions: {listed(version_names(connection))}."
        )
    return found[0]


def evaluations_of(connection: Connection, model: ModelVersion) -> list[Evaluation]:
    """The evaluations of a version's bytes, the latest one last."""
    table = evaluations.c
    statement = select(evaluations).where(
        table.version == model.version, table.artifact_sha256 == model.artifact_sha256
    )
    found = records(connection, Evaluation, statement.order_by(table.id))
    as_of = connection.get_execution_options().get(AS_OF)
    if as_of is None:
        return found
    admitting = {move.evaluation_id for move in moves(connection, taken_back=True)}
    return [each for each in found if each.recorded_at <= as_of or each.id in admitting]


def all_evaluations(connection: Connection) -> list[Evaluation]:
    """The evaluations of all versions' bytes, each version's latest one last."""
    table, of = evaluations.c, model_versions.c
    statement = select(evaluations).join(
        model_versions, (of.version == table.version) & (of.artifact_sha256 == table.artifact_sha256)
    )
    return records(connection, Evaluation, statement.order_by(table.id))


def decisions_on(connection: Connection, model: ModelVersion) -> list[Decision]:
    """The decisions about a version's bytes, the latest one last."""
    table = decisions.c
    statement = select(decisions).where(table.version == model.version, table.artifact_sha256 == model.artifact_sha256)
    return records(connection, Decision, statement.order_by(table.id))


def withdrawals_on(connection: Connection, model: ModelVersion) -> list[Withdrawal]:
    """The withdrawals of decisions about a version's bytes, the latest one last."""
    decision_ids = {each.id for each in decisions_on(connection, model)}
    return [each for each in all_of(connection, Withdrawal, withdrawals) if each.decision_id in decision_ids]


def moves(connection: Connection, alias: str | None = None, *, taken_back: bool = False) -> list[AliasEvent]:
    """The moves of one alias or of all, each alias's first one first.

    Args:
        connection: Where they are read from.
        alias: Which alias; None: all.
        taken_back: Whether those that a correction took back are listed, too.
    """
    table = alias_events.c
    statement = select(alias_events).order_by(table.alias, table.sequence)
    if alias is not None:
        statement = statement.where(table.alias == alias)
    if not taken_back:
        corrected = select(corrections.c.id).where(
            corrections.c.alias == table.alias, corrections.c.sequence == table.sequence
        )
        statement = statement.where(~corrected.exists())
    return records(connection, AliasEvent, statement)


def suspension_changes(connection: Connection, alias: str | None = None) -> list[Suspension]:
    """How one alias or all were suspended and resumed, each alias's first change first."""
    table = suspensions.c
    statement = select(suspensions).order_by(table.alias, table.sequence)
    if alias is not None:
        statement = statement.where(table.alias == alias)
    return records(connection, Suspension, statement)


def last_sequence(connection: Connection, alias: str) -> int:
    """The highest sequence that an alias has used; 0 without any."""
    return connection.scalar(select(func.max(alias_events.c.sequence)).where(alias_events.c.alias == alias)) or 0


def policy_in_force(connection: Connection) -> PolicyRecord | None:
    """The policy that was adopted last, if any."""
    statement = select(policies).order_by(policies.c.id.desc())
    if AS_OF not in connection.get_execution_options():
        statement = statement.limit(1)
    return next(iter(records(connection, PolicyRecord, statement)), None)


def approvals_of_policy(connection: Connection, content_sha256: str, previous_sha256: str) -> list[PolicyApproval]:
    """The approvals of one change of the policy, the latest one last."""
    table = policy_approvals.c
    statement = select(policy_approvals).where(
        table.content_sha256 == content_sha256, table.previous_sha256 == previous_sha256
    )
    return records(connection, PolicyApproval, statement.order_by(table.id))


def records(connection: Connection, cls: type[_Record], statement: Select[Any]) -> list[_Record]:
    """The rows of a statement as records.

    Raises:
        RegistryDamaged: One can't be read.
    """
    try:
        found = [_record(cls, row) for row in connection.execute(statement).mappings()]
    except audit.UNREADABLE as error:
        if isinstance(error, DBAPIError) and (error.connection_invalidated or fault_in(error, "")):
            raise
        raise RegistryDamaged(
            f"A {cls.__name__} in the registry can't be read: {str(error)[:200]!a}. `mlreg audit verify` names the "
            f"record; docs/runbook.md says how to go on."
        ) from error
    as_of = connection.get_execution_options().get(AS_OF)
    return found if as_of is None else [each for each in found if _counts_from(each) <= as_of]


def _counts_from(record: Any) -> datetime:
    """The time from which on a record shows.

    Versions and evaluations show always: history may be written afterwards, and `evaluations_of` and `RegistryAsOf`
    choose among them.
    """
    if isinstance(record, Evaluation):
        return datetime.min.replace(tzinfo=UTC)
    for name in ("effective_at", "recorded_at"):
        if (time := getattr(record, name, None)) is not None:
            return as_utc(time)
    return datetime.min.replace(tzinfo=UTC)


def _record(cls: type[_Record], row: RowMapping) -> _Record:
    values = {field.name: row[field.name] for field in fields(cls)}  # type: ignore[arg-type]
    for value in values.values():
        if isinstance(value, str):
            value.encode()  # what is no UTF-8 in the file arrives as lone surrogates
    return cls(**values)
