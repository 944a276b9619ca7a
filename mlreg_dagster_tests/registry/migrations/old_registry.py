"""Registries of older releases, from dumps of what their demos left behind, on both databases."""

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from mlreg_dagster.registry.database.schema import metadata
from mlreg_dagster.registry.migrations.schemas import run_scripts


def dump_of(schema: int) -> Path:
    return Path(__file__).with_name(f"schema_{schema}.sql")


def restore_dump(path: Path, schema: int = 2) -> Path:
    """The registry that a release's demo left behind, as an SQLite file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump_of(schema).read_text())
    return path


def create_by_scripts(url: str, schema: int) -> None:
    """The tables of a schema in an empty database, by the migration scripts alone."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        run_scripts(connection, None, schema)


def copy_rows(source: Path, target: str) -> None:
    """All rows of an SQLite registry into the same tables, which are empty, of another database."""
    here, there = sa.create_engine(f"sqlite:///{source}"), sa.create_engine(target, poolclass=sa.NullPool)
    columns = {table: sa.inspect(there).get_columns(table) for table in sa.inspect(there).get_table_names()}
    with here.connect() as old, there.begin() as new:
        for name, whole in metadata.tables.items():
            if name == "schema_version" or name not in columns:
                continue
            table = sa.table(name, *(sa.column(each["name"], whole.c[each["name"]].type) for each in columns[name]))
            if rows := [dict(row) for row in old.execute(sa.select(table)).mappings()]:
                new.execute(sa.insert(table), rows)
            if "id" in table.c:
                sequence = f"pg_get_serial_sequence('{name}', 'id')"
                new.exec_driver_sql(f"SELECT setval({sequence}, coalesce(max(id), 1)) FROM {name}")
    here.dispose()
