"""Making the registry's tables, and bringing those of an older release up to date.

An upgrade only adds: tables, and columns that are null in older rows, so that the audit log fits before and after.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Column, Connection, func, insert, inspect, select

from mlreg_dagster.registry.database.schema import ADDED_LATER, SCHEMA_VERSION, metadata, schema_version
from mlreg_dagster.registry.errors import SchemaMismatch

_OLDEST = 2
_ADDED_IN_3 = ("policies", "policy_approvals", "withdrawals", "refusals", "corrections", "restores")


def stored_schema(connection: Connection) -> int | None:
    """The schema of the tables that are there; None where there are none.

    Raises:
        SchemaMismatch: The table that names it is empty.
    """
    if not inspect(connection).has_table(schema_version.name):
        return None
    found: int | None = connection.scalar(select(func.max(schema_version.c.version)))
    if found is None:
        raise SchemaMismatch("The registry names no schema: its table schema_version is empty. Restore a copy of it.")
    return found


def back_up(url: URL, schema: int) -> None:
    """Keep a copy of an SQLite registry beside it before it is upgraded; PostgreSQL has its own backups."""
    if url.get_backend_name() != "sqlite":
        return
    source = Path(str(url.database))
    target = source.with_name(f"{source.name}.schema-{schema}")
    if target.exists():
        return
    draft = target.with_name(f"{target.name}.draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(draft)) as new:
        old.backup(new)
    draft.replace(target)


def bring_up_to_date(connection: Connection, on_made: Callable[[Connection], object] | None) -> int:
    """Make the tables, or add what an older release has not, in the caller's transaction.

    Args:
        connection: A writing one.
        on_made: Called last, where something was made.

    Returns:
        The schema that is there now; another than `SCHEMA_VERSION` where it can't be brought up to it.

    Raises:
        SchemaMismatch: The tables are not those of the schema that they name.
    """
    found = stored_schema(connection)  # another process may have been faster
    if found is None:
        metadata.create_all(connection, checkfirst=False)
    elif _OLDEST <= found < SCHEMA_VERSION:
        _add_what_is_new(connection, found)
    else:
        return found
    connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
    if on_made is not None:
        on_made(connection)
    return SCHEMA_VERSION


def _add_what_is_new(connection: Connection, found: int) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    there = set(inspect(connection).get_table_names())
    if ahead := sorted(there.intersection(_ADDED_IN_3)):
        raise SchemaMismatch(
            f"The registry names schema {found}, but has the table {ahead[0]} of a later one: its table schema_version "
            f"was changed. Compare it with a copy."
        )
    operations = Operations(MigrationContext.configure(connection))
    for table, names in ADDED_LATER.items():
        for name in sorted(names):
            operations.add_column(table, Column(name, metadata.tables[table].c[name].type))
    metadata.create_all(connection, tables=[metadata.tables[name] for name in _ADDED_IN_3], checkfirst=False)
