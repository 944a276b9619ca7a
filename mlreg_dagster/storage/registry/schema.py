"""The registry's tables, and the triggers that keep them append-only on SQLite and PostgreSQL.

The triggers guard against mistakes, not against whoever may drop them.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    DDL,
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ExecutableDDLElement,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
)

from mlreg_dagster.storage.registry.names import as_utc
from mlreg_dagster.storage.registry.records import GateResult

SCHEMA_VERSION = 2

metadata = MetaData()


class UtcTime(TypeDecorator[datetime]):
    """Aware times in, UTC timestamps out; SQLite keeps no zone, so everything is stored in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else as_utc(value).to_pydatetime()

    def process_result_value(self, value: Any, dialect: Dialect) -> pd.Timestamp | None:  # noqa: ARG002, D102
        if value is None:
            return None
        stamp = pd.Timestamp(value)
        return as_utc(stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp)


class Gates(TypeDecorator[tuple[GateResult, ...]]):
    """The results of an evaluation's gates, in their order."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> list[dict[str, Any]]:  # noqa: ARG002, D102
        return [asdict(gate) for gate in value]

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[GateResult, ...]:  # noqa: ARG002, D102
        return tuple(GateResult(**gate) for gate in value)


class Texts(TypeDecorator[tuple[str, ...]]):
    """Texts in their order."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> list[str]:  # noqa: ARG002, D102
        return list(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...]:  # noqa: ARG002, D102
        return tuple(value)


schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("version", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String, nullable=False),
    Column("run_id", String),
    Column("detector", String, nullable=False),
    Column("dataset_day", String, nullable=False),
    Column("dataset_sha256", String, nullable=False),
    Column("artifact_sha256", String, nullable=False),
    Column("manifest", JSON, nullable=False),
    CheckConstraint("version = 'v' || number", name="version_is_its_number"),
    UniqueConstraint("version", "artifact_sha256"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", String, nullable=False),
    Column("artifact_sha256", String, nullable=False),
    Column("holdout_sha256", String, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("gates", Gates, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("thresholds", JSON, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("run_id", String),
    UniqueConstraint("version", "artifact_sha256", "id"),
    ForeignKeyConstraint(["version", "artifact_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]),
)

alias_events = Table(
    "alias_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alias", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("version", String, nullable=False),
    Column("previous_version", String),
    Column("artifact_sha256", String, nullable=False),
    Column("evaluation_id", Integer, nullable=False),
    Column("effective_at", UtcTime, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("run_id", String),
    Column("evidence", JSON, nullable=False),
    CheckConstraint("effective_at <= recorded_at", name="not_from_the_future"),
    UniqueConstraint("alias", "sequence"),
    ForeignKeyConstraint(
        ["version", "artifact_sha256", "evaluation_id"],
        ["evaluations.version", "evaluations.artifact_sha256", "evaluations.id"],
    ),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("version", String, nullable=False),
    Column("artifact_sha256", String, nullable=False),
    Column("evaluation_id", Integer),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("lifts", Texts, nullable=False),
    Column("expires_at", UtcTime),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    Column("signature", String),
    CheckConstraint("kind IN ('approval', 'rejection', 'exception')", name="known_kind"),
    ForeignKeyConstraint(["version", "artifact_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]),
    ForeignKeyConstraint(
        ["version", "artifact_sha256", "evaluation_id"],
        ["evaluations.version", "evaluations.artifact_sha256", "evaluations.id"],
    ),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("row", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("previous_hash", String, nullable=False),
    Column("hash", String, nullable=False),
    UniqueConstraint("kind", "row"),
)
"""A record of each row of the tables above, chained by hashes; see `audit`."""


def _keep_append_only(table: Table) -> None:
    for action in ("UPDATE", "DELETE"):
        _after_create(
            table,
            "sqlite",
            f"CREATE TRIGGER {table.name}_no_{action.lower()} BEFORE {action} ON {table.name} "
            f"BEGIN SELECT RAISE(ABORT, '{table.name} is append-only'); END",
        )
    # INSERT OR REPLACE deletes the old row without telling the trigger above.
    keys = [table.primary_key, *(item for item in table.constraints if isinstance(item, UniqueConstraint))]
    same = " OR ".join(
        "(" + " AND ".join(f"{column.name} = NEW.{column.name}" for column in key.columns) + ")" for key in keys
    )
    _after_create(
        table,
        "sqlite",
        f"CREATE TRIGGER {table.name}_no_replace BEFORE INSERT ON {table.name} "  # noqa: S608
        f"WHEN EXISTS (SELECT 1 FROM {table.name} WHERE {same}) "
        f"BEGIN SELECT RAISE(ABORT, '{table.name} is append-only'); END",
    )
    _after_create(
        table,
        "postgresql",
        f"CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    )


def _after_create(table: Table, dialect: str, statement: str) -> None:
    event.listen(table, "after_create", _only_on(dialect, statement))


def _only_on(dialect: str, statement: str) -> ExecutableDDLElement:
    return DDL(statement).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]


event.listen(
    metadata,
    "before_create",
    _only_on(
        "postgresql",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$",
    ),
)
for _table in metadata.tables.values():
    _keep_append_only(_table)
