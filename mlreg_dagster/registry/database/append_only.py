"""Triggers that keep the registry's tables append-only on SQLite and PostgreSQL.

They guard against mistakes, not against people who may drop them; those leave traces in the audit log.
"""

from sqlalchemy import DDL, ExecutableDDLElement, MetaData, Table, UniqueConstraint, event


def keep_append_only(metadata: MetaData) -> None:
    """Let each table of `metadata` make its triggers when it is made."""
    event.listen(
        metadata,
        "before_create",
        _only_on(
            "postgresql",
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$",
        ),
    )
    for table in metadata.tables.values():
        _guard(table)


def _guard(table: Table) -> None:
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
