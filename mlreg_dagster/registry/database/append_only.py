"""Triggers that keep the registry's tables append-only on SQLite and PostgreSQL.

They guard against mistakes, not against people who may drop them; those leave traces in the audit log. Migration
scripts use the same statements: where a release changes them, it adds a migration that replaces the triggers.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, MetaData, Table, UniqueConstraint, event

FUNCTION = (
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$"
)
"""What the triggers of all tables call on PostgreSQL."""


def keep_append_only(metadata: MetaData, *, but: Collection[str]) -> None:
    """Let each table of `metadata` create its triggers when it is created, but for those named."""
    event.listen(metadata, "before_create", _create_function)
    for name, table in metadata.tables.items():
        if name not in but:
            event.listen(table, "after_create", _create_triggers)


def triggers(table: Table, dialect: str) -> list[str]:
    """The statements that create the triggers of a table.

    Args:
        table: Which table.
        dialect: `sqlite` or `postgresql`.
    """
    name = table.name
    if dialect == "postgresql":
        return [
            f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        ]
    refuse = f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
    # INSERT OR REPLACE deletes the old row without running the trigger on DELETE.
    keys = [table.primary_key, *(item for item in table.constraints if isinstance(item, UniqueConstraint))]
    same = " OR ".join(
        "(" + " AND ".join(f"{column.name} = NEW.{column.name}" for column in key.columns) + ")" for key in keys
    )
    return [
        f"CREATE TRIGGER {name}_no_update BEFORE UPDATE ON {name} {refuse}",
        f"CREATE TRIGGER {name}_no_delete BEFORE DELETE ON {name} {refuse}",
        f"CREATE TRIGGER {name}_no_replace BEFORE INSERT ON {name} "  # noqa: S608 - our own names
        f"WHEN EXISTS (SELECT 1 FROM {name} WHERE {same}) {refuse}",
    ]


def _create_function(_target: MetaData, connection: Connection, **_options: Any) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(FUNCTION)


def _create_triggers(target: Table, connection: Connection, **_options: Any) -> None:
    for statement in triggers(target, connection.dialect.name):
        connection.exec_driver_sql(statement)
