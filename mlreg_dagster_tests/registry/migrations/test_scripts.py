"""The scripts of migrations lead to the tables of a new registry."""

import re

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.database.schema import SCHEMA_VERSION, metadata
from mlreg_dagster.registry.migrations import schemas
from mlreg_dagster_tests.registry.migrations.old_registry import create_by_scripts, dump_of


def differences(url: str) -> list[object]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, metadata)


def rules_of(url: str) -> set[tuple[str, ...]]:
    """Triggers, and the constraints that Alembic does not compare, as the database tells them."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            statements = (
                "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t "
                "JOIN pg_class c ON c.oid = tgrelid "
                "WHERE NOT tgisinternal AND relnamespace = current_schema::regnamespace",
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(c.oid) FROM pg_constraint c "
                "WHERE connamespace = current_schema::regnamespace",
                "SELECT proname, '', prosrc FROM pg_proc WHERE pronamespace = current_schema::regnamespace",
            )
            rows = {tuple(row) for sql in statements for row in connection.exec_driver_sql(sql)}
            schema = connection.exec_driver_sql("SELECT current_schema").scalar()
            return {tuple(str(cell).replace(f"{schema}.", "") for cell in row) for row in rows}
        triggers = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master WHERE type = 'trigger'")
        tables = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        parts = {(name, part) for name, sql in tables for part in split(sql)}
        return {tuple(row) for row in triggers} | parts


def split(sql: str) -> set[str]:
    """Columns and constraints of a CREATE TABLE, in whatever order."""
    inner = sql[sql.index("(") + 1 : sql.rindex(")")]
    return {" ".join(part.split()) for part in re.split(r",(?![^(]*\))", inner)}


class TestScripts:
    def test_they_lead_to_the_tables_and_triggers_of_a_new_registry(self, empty):
        by_scripts, new = empty(), empty()
        create_by_scripts(by_scripts, SCHEMA_VERSION)
        Registry(new).versions()
        assert differences(by_scripts) == []
        assert differences(new) == []
        assert rules_of(by_scripts) == rules_of(new)
        assert len(rules_of(new)) > 2 * len(metadata.tables)

    def test_those_of_an_older_schema_create_what_its_release_left_behind(self, old_file, tmp_path):
        create_by_scripts(f"sqlite:///{tmp_path}/again.sqlite", 2)
        assert rules_of(f"sqlite:///{tmp_path}/again.sqlite") == rules_of(f"sqlite:///{old_file}")

    def test_every_older_schema_has_a_script_and_a_dump_that_the_tests_upgrade(self):
        scripts = {int(path.stem.removeprefix("schema_")) for path in schemas.SCRIPTS.glob("versions/schema_*.py")}
        assert scripts == set(range(2, SCHEMA_VERSION + 1))
        assert all(dump_of(schema).exists() for schema in scripts - {SCHEMA_VERSION})
