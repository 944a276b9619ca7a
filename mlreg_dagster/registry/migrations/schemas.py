"""Which schema a registry has: how its tables are created, and brought from an older schema to the present one.

The steps themselves are the scripts in `versions`. Connections and transactions are the caller's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, func, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from mlreg_dagster.registry import audit
from mlreg_dagster.registry.database import sqlite
from mlreg_dagster.registry.database.schema import SCHEMA_VERSION, metadata, schema_version
from mlreg_dagster.registry.errors import RegistryDamaged, SchemaMismatch, SchemaOutdated

SCRIPTS = Path(__file__).parent
"""Where the migration scripts are, in `versions`."""

_FIRST_RELEASED = 2
_OTHER_TABLES = ("already exists", "duplicate column")


@dataclass(frozen=True)
class SchemaUpgrade:
    """What an upgrade did.

    Attributes:
        before: The schema that was found; None where there is no registry yet.
        after: The schema that is there now.
        backup: The copy of before; None where none was made.
        records: How many records of the audit log were verified after it.
    """

    before: int | None
    after: int | None
    backup: Path | None = None
    records: int = 0


def stored(connection: Connection) -> int | None:
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


def create(connection: Connection, on_made: Callable[[Connection], object] | None) -> int:
    """Create the present tables, unless another process has just done so, in the caller's transaction.

    Args:
        connection: A writing one.
        on_made: Called last, where the tables were created.

    Returns:
        The schema that is there now.
    """
    if (found := stored(connection)) is not None:
        return found
    metadata.create_all(connection, checkfirst=False)
    _note(connection, SCHEMA_VERSION)
    if on_made is not None:
        on_made(connection)
    return SCHEMA_VERSION


def upgrade(connection: Connection, url: URL, on_made: Callable[[Connection], object] | None) -> SchemaUpgrade:
    """Bring the tables of an older schema to the present one, in the caller's transaction.

    An SQLite file is copied first. The audit log is verified last: where it does not fit, nothing is to be stored.

    Args:
        connection: A writing one.
        url: Its database, for messages.
        on_made: Called where something was upgraded.

    Raises:
        SchemaMismatch: A newer release made it, or its tables are not those of the schema that it names.
        RegistryDamaged: It does not fit its audit log.
    """
    found = stored(connection)  # another process may have been faster
    if found == SCHEMA_VERSION:
        return SchemaUpgrade(found, found)
    found = require_older(url, found)
    sequence, digest = head = audit.head(connection)
    backup = None
    if connection.dialect.name == "sqlite":
        backup = sqlite.back_up(connection, f"schema-{found}.{sequence}-{digest[:8]}")
    try:
        run_scripts(connection, found)
    except DBAPIError as error:
        if not any(sign in str(error.orig) for sign in _OTHER_TABLES):
            raise
        raise SchemaMismatch(
            f"The registry {url} names schema {found}, but its tables are not those of it ({error.orig}): its table "
            f"schema_version was changed. Compare it with a copy. Nothing was changed."
        ) from error
    if on_made is not None:
        on_made(connection)
    if broken := audit.find_tampering(connection, [head] if sequence else []):
        raise RegistryDamaged(
            f"The registry {url} does not fit its audit log: {broken} Nothing was changed; it has schema {found} as "
            f"before. See docs/runbook.md."
        )
    return SchemaUpgrade(found, SCHEMA_VERSION, backup, audit.head(connection)[0])


def run_scripts(connection: Connection, found: int | None, target: int = SCHEMA_VERSION) -> None:
    """Run the scripts from one schema to another, and note each schema that is reached.

    Args:
        connection: A writing one.
        found: The schema that is there; None: no tables.
        target: The schema to reach.
    """
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(SCRIPTS))
    ahead = list(scripts.iterate_revisions(str(target), "base" if found is None else str(found)))
    with Operations.context(MigrationContext.configure(connection)):
        for script in reversed(ahead):
            script.module.upgrade()
            _note(connection, int(script.revision))


def require_present(url: URL, found: int | None) -> None:
    """Refuse a registry of another schema than the present one.

    Raises:
        SchemaOutdated: It has an older one; the message names the command that upgrades it.
        SchemaMismatch: It has a newer one, or none ever released.
    """
    if found == SCHEMA_VERSION:
        return
    require_older(url, found)
    raise SchemaOutdated(
        f"The registry {url} has schema {found}, this release needs {SCHEMA_VERSION}. Nothing was changed. Stop what "
        f"works on it, then run mlreg upgrade, which begins with a copy."
    )


def require_older(url: URL, found: int | None) -> int:
    """Refuse a registry from which no way leads to the present schema; give its schema back.

    Raises:
        SchemaMismatch: A newer release made it, or none ever released.
    """
    if found is not None and _FIRST_RELEASED <= found <= SCHEMA_VERSION:
        return found
    raise SchemaMismatch(
        f"The registry {url} has schema {found}, this release needs {SCHEMA_VERSION}, and no way leads back to it: a "
        f"newer release made or upgraded the registry. Install that release, put the copy in place that its upgrade "
        f"kept, or use another MLREG_HOME."
    )


def _note(connection: Connection, schema: int) -> None:
    connection.execute(insert(schema_version).values(version=schema))
