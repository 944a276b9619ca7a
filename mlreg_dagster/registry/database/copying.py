"""Copies a whole registry between databases: into an SQLite file, and from one into a database that is empty.

Rows keep their values and numbers, and their audit records fit. Where files lie is decided by callers.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, insert, select

from mlreg_dagster.config.places import as_registry_url
from mlreg_dagster.registry import audit
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import metadata, schema_version
from mlreg_dagster.registry.errors import RegistryDamaged, RegistryNotEmpty
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import fault_in

_ROWS = 1000
_COUNTED = ("id", "number")  # primary keys that the database counts up, where it does


def copy_to_file(database: Database, target: Path) -> None:
    """Copy a registry, as of one moment, into an SQLite file that is not there yet.

    Raises:
        RegistryUnavailable, SchemaMismatch: It can't be read.
        StorageFull, StorageNotWritable, StorageDamaged: A disk or file is at fault.
    """
    with database.reading() as connection:
        audit.head(connection)  # the moment; SQLite's own copying would wait for a writer without end
        if connection.dialect.name == "sqlite":
            _copy_file(connection, target)
            return
        with Database(as_registry_url(str(target))).writing() as new:
            _copy_rows(connection, new)


def load_file(source: Path, database: Database) -> None:
    """Copy an SQLite registry into a database without records, in one transaction.

    Raises:
        RegistryNotEmpty: The database holds records.
        RegistryDamaged: What was copied does not fit its audit log; nothing is stored.
        RegistryUnavailable, SchemaMismatch: One of the two can't be used.
        StorageFull, StorageNotWritable, StorageDamaged: A disk or file is at fault.
    """
    with Database(as_registry_url(str(source))).reading() as old, database.writing() as new:
        if (records := audit.head(new)[0]) > 0:
            raise RegistryNotEmpty(
                f"The registry {database.url} holds {records} records, and a copy is loaded into an empty one alone. "
                f"Name an empty database or schema. Nothing was changed."
            )
        _copy_rows(old, new)
        if broken := audit.find_tampering(new, [audit.head(old)]):
            raise RegistryDamaged(f"The copy does not fit its audit log: {broken} Nothing was stored.")


def _copy_file(connection: Connection, target: Path) -> None:
    try:
        private_files.make_file(target)
        with closing(sqlite3.connect(target)) as new:
            connection.connection.driver_connection.backup(new)  # type: ignore[union-attr]
    except (OSError, sqlite3.Error) as error:
        if (fault := fault_in(error, f"The copy {target}")) is None:
            raise
        raise fault from error


def _copy_rows(old: Connection, new: Connection) -> None:
    for table in metadata.sorted_tables:
        if table is schema_version:  # it was written when the tables were made
            continue
        for rows in old.execute(select(table).order_by(*table.primary_key.columns)).mappings().partitions(_ROWS):
            new.execute(insert(table), [dict(row) for row in rows])
        (key,) = (column.name for column in table.primary_key.columns)
        if new.dialect.name == "postgresql" and key in _COUNTED:
            sequence = f"pg_get_serial_sequence('{table.name}', '{key}')"
            counted = f"SELECT setval({sequence}, max({key})) FROM {table.name} HAVING max({key}) IS NOT NULL"  # noqa: S608
            new.exec_driver_sql(counted)
