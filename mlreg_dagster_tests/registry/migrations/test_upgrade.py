"""A registry of an older release opens, answers as before, and its audit log fits before and after.

`registry_schema_2.sql` is what the first release's demo left behind.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from mlreg_dagster.registry import Attribution, Registry, SchemaMismatch
from mlreg_dagster.registry.database.schema import ADDED_LATER, SCHEMA_VERSION, metadata
from mlreg_dagster.registry.migrations.upgrade import back_up
from mlreg_dagster_tests.registry.test_registry import evaluate, register

DUMP = Path(__file__).with_name("schema_2.sql")
NEW_TABLES = {"policies", "policy_approvals", "withdrawals", "refusals", "corrections", "restores"}
NOW = pd.Timestamp("2027-01-01", tz="UTC")
TIMES = pd.date_range("2026-01-15", "2026-01-22", freq="h", tz="UTC")
POLICY = {"promotion": {"min_reason_length": 5}}


@pytest.fixture
def old_file(tmp_path):
    path = tmp_path / "registry.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(DUMP.read_text())
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, old_file):
    if request.param == "sqlite":
        return f"sqlite:///{old_file}"
    target = request.getfixturevalue("postgres_url")
    old = sa.MetaData()
    for table in metadata.sorted_tables:
        if table.name not in NEW_TABLES:
            later = ADDED_LATER.get(table.name, ())
            columns = [sa.Column(each.name, each.type, primary_key=each.primary_key, autoincrement=each.autoincrement)
                       for each in table.columns if each.name not in later]  # fmt: skip
            keys = [sa.UniqueConstraint(*(column.name for column in each.columns)) for each in table.constraints
                    if isinstance(each, sa.UniqueConstraint)]  # fmt: skip
            sa.Table(table.name, old, *columns, *keys)
    here, there = sa.create_engine(f"sqlite:///{old_file}"), sa.create_engine(target, poolclass=sa.NullPool)
    with here.connect() as source, there.begin() as sink:
        old.create_all(sink)
        for table in old.sorted_tables:
            if rows := source.execute(sa.select(table)).mappings().all():
                sink.execute(sa.insert(table), [dict(row) for row in rows])
            if "id" in table.c:
                sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
                sink.exec_driver_sql(f"SELECT setval({sequence}, coalesce(max(id), 1)) FROM {table.name}")
    here.dispose()
    return target


def test_it_is_upgraded_answers_as_before_and_its_log_fits(url, old_file):
    with closing(sqlite3.connect(old_file)) as connection:
        moves = connection.execute("SELECT version, effective_at FROM alias_events WHERE alias = 'champion'").fetchall()
        log = connection.execute("SELECT sequence, hash FROM audit_log ORDER BY sequence").fetchall()
    registry = Registry(url, lambda: (POLICY, NOW))
    assert registry.find_tampering(log) is None
    for time in TIMES:
        expected = [version for version, since in moves if pd.Timestamp(since, tz="UTC") <= time]
        found = registry.holder("champion", time)
        assert (found.version if found else None) == (expected[-1] if expected else None)
    assert [version.version for version in registry.versions()] == ["v1", "v2"]
    assert [registry.status(version) for version in ("v1", "v2")] == ["evaluated", "evaluated"]
    assert (registry.latest_evaluation("v1").departures, registry.latest_evaluation("v1").holdout_day) == (None, None)
    assert registry.policy_in_force().content == POLICY
    assert [(link.sequence, link.hash) for link in registry.audit_log()[: len(log)]] == log


def test_it_can_be_written_to_afterwards(url):
    registry = Registry(url, lambda: (POLICY, NOW))
    register(registry, "v3")
    evaluate(registry, "v3", departures=["the seed was 1"], holdout_day="2026-01-20")
    assert registry.status("v3") == "candidate"
    registry.record_restore({}, Attribution("anna", NOW, "a test"))
    assert Registry(url).find_tampering() is None


def test_a_copy_of_before_is_kept_beside_an_sqlite_file(old_file):
    Registry(f"sqlite:///{old_file}").versions()
    copy = old_file.with_name("registry.sqlite.schema-2")
    assert copy.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT max(version) FROM schema_version").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM audit_log").fetchone() == (7,)
    before = copy.read_bytes()
    back_up(sa.make_url(f"sqlite:///{old_file}"), 2)
    assert copy.read_bytes() == before  # the first copy is the one that matters


def test_an_upgrade_that_dies_leaves_the_old_registry(old_file):
    def dies():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Registry(f"sqlite:///{old_file}", dies).versions()
    with closing(sqlite3.connect(old_file)) as connection:
        assert connection.execute("SELECT max(version) FROM schema_version").fetchone() == (2,)
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'policies'").fetchall()
    assert Registry(f"sqlite:///{old_file}", lambda: (POLICY, NOW)).find_tampering() is None


def test_a_newer_registry_is_refused_in_words(old_file):
    with closing(sqlite3.connect(old_file)) as connection:
        connection.execute(f"INSERT INTO schema_version VALUES ({SCHEMA_VERSION + 1})")
        connection.commit()
    with pytest.raises(SchemaMismatch, match=f"has schema {SCHEMA_VERSION + 1}, this release needs {SCHEMA_VERSION}"):
        Registry(f"sqlite:///{old_file}").versions()
