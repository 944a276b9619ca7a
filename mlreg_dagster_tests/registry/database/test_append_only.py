"""Nothing that is recorded is changed or deleted."""

import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa

from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.registry.builders import evaluate, move, register


class TestAppendOnly:
    def test_nothing_is_changed_or_deleted(self, registry, raw):
        move(registry, "v1", None)
        replaces = {
            "postgresql": "TRUNCATE {0} CASCADE",
            "sqlite": "INSERT OR REPLACE INTO {0} SELECT * FROM {0}",
        }
        statements = ["UPDATE {0} SET version = version", "DELETE FROM {0}", replaces[raw.dialect.name]]
        for table in ("schema_version", "model_versions", "evaluations", "alias_events"):
            before = raw.exec_driver_sql(f"SELECT * FROM {table}").all()
            assert before
            for statement in statements:
                with pytest.raises(sa.exc.DBAPIError, match="append-only"):
                    raw.exec_driver_sql(statement.format(table))
            assert raw.exec_driver_sql(f"SELECT * FROM {table}").all() == before

    def test_sqlite_does_not_replace_by_another_key_than_the_first(self, tmp_path):
        registry = Registry(f"sqlite:///{tmp_path}/registry.db")
        register(registry, "v1")
        evaluate(registry, "v1")
        move(registry, "v1", None)
        unchanged = "alias, sequence, version, artifact_sha256, evaluation_id, effective_at, recorded_at, actor"
        with (
            closing(sqlite3.connect(tmp_path / "registry.db")) as raw,
            pytest.raises(sqlite3.IntegrityError, match="append-only"),
        ):
            raw.execute(
                f"INSERT OR REPLACE INTO alias_events (id, reason, {unchanged}) "
                f"SELECT id + 100, 'another reason', {unchanged} FROM alias_events"
            )
        assert registry.holder("champion").reason == "better recall"
