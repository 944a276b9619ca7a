"""Rows to records: the few statements that the registry is made of."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Select, Table, insert, select

from mlreg_dagster.storage.registry import audit
from mlreg_dagster.storage.registry.errors import UnknownVersion
from mlreg_dagster.storage.registry.names import listed
from mlreg_dagster.storage.registry.records import AliasEvent, Decision, Evaluation, ModelVersion
from mlreg_dagster.storage.registry.schema import alias_events, decisions, evaluations, model_versions

_Record = TypeVar("_Record", ModelVersion, Evaluation, AliasEvent, Decision)


def append(connection: Connection, cls: type[_Record], table: Table, **values: Any) -> _Record:
    """Insert a row and its record in the audit log, and hand it out as it was stored."""
    row = connection.execute(insert(table).values(values).returning(table)).mappings().one()
    audit.record(connection, table, row)
    return _record(cls, row)


def version_names(connection: Connection) -> Sequence[str]:
    """The names of all versions, from v1 up."""
    return connection.scalars(select(model_versions.c.version).order_by(model_versions.c.number)).all()


def all_versions(connection: Connection) -> list[ModelVersion]:
    """All versions, from v1 up."""
    return _records(connection, ModelVersion, select(model_versions).order_by(model_versions.c.number))


def version_named(connection: Connection, name: str) -> ModelVersion:
    """One version.

    Raises:
        UnknownVersion: It is not registered; the message lists what is.
    """
    found = _records(connection, ModelVersion, select(model_versions).where(model_versions.c.version == name))
    if not found:
        raise UnknownVersion(f"{name} is not registered. Registered versions: {listed(version_names(connection))}.")
    return found[0]


def evaluations_of(connection: Connection, model: ModelVersion) -> list[Evaluation]:
    """The evaluations of a version's bytes, the latest one last."""
    table = evaluations.c
    statement = select(evaluations).where(
        table.version == model.version, table.artifact_sha256 == model.artifact_sha256
    )
    return _records(connection, Evaluation, statement.order_by(table.id))


def decisions_on(connection: Connection, model: ModelVersion) -> list[Decision]:
    """The decisions about a version's bytes, the latest one last."""
    table = decisions.c
    statement = select(decisions).where(table.version == model.version, table.artifact_sha256 == model.artifact_sha256)
    return _records(connection, Decision, statement.order_by(table.id))


def latest_move(connection: Connection, alias: str, as_of: datetime | None = None) -> AliasEvent | None:
    """The move of an alias that counts at `as_of` (None: now)."""
    statement = select(alias_events).where(alias_events.c.alias == alias)
    if as_of is not None:
        statement = statement.where(alias_events.c.effective_at <= as_of)
    # effective_at never falls as the sequence grows, so the highest sequence is the latest move.
    found = _records(connection, AliasEvent, statement.order_by(alias_events.c.sequence.desc()).limit(1))
    return found[0] if found else None


def all_moves(connection: Connection, alias: str | None = None) -> list[AliasEvent]:
    """The moves of one alias or of all, each alias's first one first."""
    statement = select(alias_events).order_by(alias_events.c.alias, alias_events.c.sequence)
    if alias is not None:
        statement = statement.where(alias_events.c.alias == alias)
    return _records(connection, AliasEvent, statement)


def _records(connection: Connection, cls: type[_Record], statement: Select[Any]) -> list[_Record]:
    return [_record(cls, row) for row in connection.execute(statement).mappings()]


def _record(cls: type[_Record], row: RowMapping) -> _Record:
    return cls(**{field.name: row[field.name] for field in fields(cls)})
