"""A registry of an older release is upgraded on demand, answers as before, and fits its audit log before and after."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from mlreg_dagster.registry import (
    Attribution,
    BackupNeeded,
    Registry,
    RegistryDamaged,
    RegistryUnavailable,
    SchemaMismatch,
)
from mlreg_dagster.registry.database import postgres, sqlite
from mlreg_dagster.registry.database.schema import SCHEMA_VERSION
from mlreg_dagster.registry.migrations import schemas
from mlreg_dagster_tests.registry.builders import decide_on_drift, evaluate, raise_alert, register, roll_out
from mlreg_dagster_tests.registry.migrations.old_registry import copy_rows, create_by_scripts, restore_dump

NOW = pd.Timestamp("2027-01-01", tz="UTC")
TIMES = pd.date_range("2026-01-15", "2026-01-22", freq="h", tz="UTC")
POLICY = {"promotion": {"min_reason_length": 5}}
RECORDS = 7


def opened(url: str) -> Registry:
    return Registry(url, lambda: (POLICY, NOW))


def schema_in(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT max(version) FROM schema_version").fetchone()[0]


def copies_of(file: Path) -> list[Path]:
    return sorted(file.parent.glob(f"{file.name}.*"))


class TestUpgrading:
    def test_it_answers_as_before_and_fits_its_audit_log(self, url, old_file):
        with closing(sqlite3.connect(old_file)) as connection:
            moves = connection.execute("SELECT version, effective_at FROM alias_events WHERE alias = 'champion'")
            moves = moves.fetchall()
            log = connection.execute("SELECT sequence, hash FROM audit_log ORDER BY sequence").fetchall()
        registry = opened(url)
        done = registry.upgrade(copied=True)
        assert (done.before, done.after, done.records) == (2, SCHEMA_VERSION, RECORDS + 1)  # and the first policy
        assert registry.find_tampering(log) is None
        for moment in TIMES:
            expected = [version for version, since in moves if pd.Timestamp(since, tz="UTC") <= moment]
            found = registry.holder("champion", moment)
            assert (found.version if found else None) == (expected[-1] if expected else None)
        assert [version.version for version in registry.versions()] == ["v1", "v2"]
        assert [registry.status(version) for version in ("v1", "v2")] == ["evaluated", "evaluated"]
        first = registry.latest_evaluation("v1")
        assert (first.departures, first.holdout_day) == (None, None)
        assert registry.policy_in_force().content == POLICY
        assert [(link.sequence, link.hash) for link in registry.audit_log()[: len(log)]] == log

    def test_it_can_be_written_to_afterwards(self, url):
        registry = opened(url)
        registry.upgrade(copied=True)
        register(registry, "v3")
        evaluate(registry, "v3", departures=["the seed was 1"], holdout_day="2026-01-20")
        assert registry.status("v3") == "candidate"
        registry.record_restore({}, Attribution("anna", NOW, "a test"))
        assert Registry(url).find_tampering() is None
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql("UPDATE restores SET reason = 'another one'")

    def test_one_without_any_record_is_upgraded_too(self, empty):
        url = empty()
        create_by_scripts(url, 2)
        assert Registry(url).upgrade(copied=True).after == SCHEMA_VERSION
        assert Registry(url).versions() == []

    def test_a_second_time_it_changes_nothing(self, url, old_file):
        opened(url).upgrade(copied=True)
        before = old_file.read_bytes()
        done = opened(url).upgrade()
        assert (done.before, done.after, done.backup) == (SCHEMA_VERSION, SCHEMA_VERSION, None)
        assert old_file.read_bytes() == before

    def test_before_it_nothing_is_answered_and_nothing_is_changed(self, url, old_file):
        before = old_file.read_bytes()
        for ask in (Registry(url).versions, lambda: register(Registry(url), "v3")):
            with pytest.raises(SchemaMismatch, match=rf"has schema 2, this release needs {SCHEMA_VERSION}.*mlreg upg"):
                ask()
        assert old_file.read_bytes() == before
        assert copies_of(old_file) == []

    def test_a_registry_that_is_not_there_is_not_made(self, tmp_path):
        done = opened(f"sqlite:///{tmp_path}/home/registry.sqlite").upgrade()
        assert (done.before, done.after) == (None, None)
        assert list(tmp_path.iterdir()) == []

    def test_a_newer_registry_is_refused_in_words(self, url, old_file):
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"INSERT INTO schema_version VALUES ({SCHEMA_VERSION + 1})")
        before = old_file.read_bytes()
        for ask in (Registry(url).versions, lambda: Registry(url).upgrade(copied=True)):
            with pytest.raises(SchemaMismatch, match=f"has schema {SCHEMA_VERSION + 1}.* no way leads back"):
                ask()
        assert old_file.read_bytes() == before

    def test_tables_of_a_later_schema_than_the_one_named_are_refused(self, url):
        opened(url).upgrade(copied=True)
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            trigger, where = ("no_delete", "") if "sqlite" in url else ("append_only", " ON schema_version")
            connection.exec_driver_sql(f"DROP TRIGGER schema_version_{trigger}{where}")
            connection.exec_driver_sql("DELETE FROM schema_version WHERE version > 2")
        with pytest.raises(SchemaMismatch, match="names schema 2, but its tables are not those of it"):
            opened(url).upgrade(copied=True)

    def test_one_that_does_not_fit_its_log_stays_as_it_is(self, url):
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            trigger, where = ("no_update", "") if "sqlite" in url else ("append_only", " ON model_versions")
            connection.exec_driver_sql(f"DROP TRIGGER model_versions_{trigger}{where}")
            connection.exec_driver_sql("UPDATE model_versions SET created_by = 'somebody' WHERE number = 1")
        with pytest.raises(
            RegistryDamaged, match=r"does not fit its audit log: .*model_versions 1.*has schema 2 as bef"
        ):
            opened(url).upgrade(copied=True)
        with pytest.raises(SchemaMismatch, match="has schema 2"):
            opened(url).versions()


class TestEveryReleasedSchema:
    """Of each, what its demo left behind answers as before, fits its log, and takes records of the present schema."""

    @pytest.fixture(params=range(2, SCHEMA_VERSION))
    def released(self, request):
        return request.param

    @pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
    def of_release(self, request, released, tmp_path):
        file = restore_dump(tmp_path / "released.sqlite", released)
        if request.param == "sqlite":
            return f"sqlite:///{file}", file
        target = request.getfixturevalue("postgres_url")
        create_by_scripts(target, released)
        copy_rows(file, target)
        return target, file

    def test_it_is_upgraded(self, of_release, released):
        url, file = of_release
        with closing(sqlite3.connect(restore_dump(file.with_name("before.sqlite"), released))) as before:
            log = before.execute("SELECT sequence, hash FROM audit_log ORDER BY sequence").fetchall()
            moves = [row[0] for row in before.execute("SELECT id FROM alias_events")]
            versions = [row[0] for row in before.execute("SELECT version FROM model_versions ORDER BY number")]
        registry = opened(url)
        done = registry.upgrade(copied=True)
        assert (done.before, done.after) == (released, SCHEMA_VERSION)
        assert registry.find_tampering(log) is None
        assert [(link.sequence, link.hash) for link in registry.audit_log()[: len(log)]] == log
        assert sorted(each.id for each in registry.recorded_moves()) == sorted(moves)
        assert [each.version for each in registry.versions()] == versions
        assert [each.day for each in registry.drift_decisions()] == (["2026-01-20"] if released >= 4 else [])
        decide_on_drift(registry)
        assert registry.drift_decisions()[-1].day == "2026-02-01"
        assert len(registry.open_alerts()) == (released >= 5)
        raise_alert(registry, subject="another run")
        assert len(registry.undelivered_messages()) == (2 if released >= 5 else 1)
        traffic = registry.traffic("champion")
        assert (traffic.state if traffic else None) == ("rolled_back" if released >= 6 else None)
        roll_out(registry, versions[0] if registry.holder("champion").version != versions[0] else versions[1])
        assert registry.traffic("champion").is_open
        assert registry.find_tampering(log) is None


class TestBackup:
    def test_a_copy_of_before_is_kept_beside_an_sqlite_file(self, old_file):
        done = opened(f"sqlite:///{old_file}").upgrade()
        assert copies_of(old_file) == [done.backup]
        assert done.backup.name.startswith(f"registry.sqlite.schema-2.{RECORDS}-")
        assert done.backup.stat().st_mode & 0o077 == 0
        restored = restore_dump(old_file.with_name("again.sqlite"))
        with closing(sqlite3.connect(done.backup)) as copy, closing(sqlite3.connect(restored)) as expected:
            assert list(copy.iterdump()) == list(expected.iterdump())

    def test_a_copy_of_an_earlier_attempt_does_not_stand_for_what_came_after_it(self, old_file, monkeypatch):
        def dies(*_):
            raise KeyboardInterrupt

        registry = opened(f"sqlite:///{old_file}")
        with monkeypatch.context() as patch:
            patch.setattr(schemas, "run_scripts", dies)
            with pytest.raises(KeyboardInterrupt):
                registry.upgrade()
        assert len(copies_of(old_file)) == 1
        with closing(sqlite3.connect(old_file)) as connection:  # the old release goes on meanwhile
            connection.execute(
                "INSERT INTO audit_log SELECT 8, 'x', 1, '', hash, 'f' FROM audit_log WHERE sequence = 7"
            )
            connection.commit()
        with pytest.raises(RegistryDamaged):
            opened(f"sqlite:///{old_file}").upgrade()
        assert len(copies_of(old_file)) == 2

    @pytest.mark.slow
    def test_one_in_postgresql_needs_the_word_that_there_is_one(self, old_file, postgres_url):
        create_by_scripts(postgres_url, 2)
        copy_rows(old_file, postgres_url)
        with pytest.raises(BackupNeeded, match=r"has schema 2 .*pg_dump.*mlreg upgrade --backup-made"):
            opened(postgres_url).upgrade()
        with pytest.raises(SchemaMismatch, match="has schema 2"):
            opened(postgres_url).versions()


class TestInterruptions:
    def test_one_that_dies_leaves_the_old_registry(self, old_file):
        def dies():
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Registry(f"sqlite:///{old_file}", dies).upgrade()
        assert schema_in(old_file) == 2
        with closing(sqlite3.connect(old_file)) as connection:
            assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'policies'").fetchall()
        assert opened(f"sqlite:///{old_file}").upgrade().after == SCHEMA_VERSION

    @pytest.mark.slow
    def test_one_that_is_killed_at_any_moment_leaves_the_old_registry_or_the_new(self, tmp_path):
        code = (
            "import sys, alembic.script, alembic.operations; from mlreg_dagster.registry import Registry; "
            "print('ready', flush=True); Registry(sys.argv[1]).upgrade()"
        )
        seen = set()
        for number in (0, 2, 4, 7):
            file = restore_dump(tmp_path / str(number) / "registry.sqlite")
            command = [sys.executable, "-c", code, f"sqlite:///{file}"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            process.stdout.read(6)
            time.sleep(number * 0.02)
            process.kill()
            process.communicate()  # which also closes its pipe
            seen.add(schema_in(file))
            assert opened(f"sqlite:///{file}").upgrade().after == SCHEMA_VERSION
            assert opened(f"sqlite:///{file}").find_tampering() is None
        assert seen <= {2, SCHEMA_VERSION}

    def test_another_process_that_writes_is_waited_for_and_then_named_as_the_reason(self, old_file, monkeypatch):
        monkeypatch.setattr(sqlite, "WAIT_S", 0.2)
        with closing(sqlite3.connect(old_file)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(RegistryUnavailable, match=r"database is locked.*Nothing was stored"):
                opened(f"sqlite:///{old_file}").upgrade()
        assert (schema_in(old_file), copies_of(old_file)) == (2, [])

    @pytest.mark.slow
    @pytest.mark.parametrize("statement", ["SELECT pg_advisory_xact_lock({})", "SELECT count(*) FROM evaluations"])
    def test_another_process_that_uses_the_tables_in_postgresql_keeps_it_out(
        self, old_file, postgres_url, monkeypatch, statement
    ):
        create_by_scripts(postgres_url, 2)
        copy_rows(old_file, postgres_url)
        monkeypatch.setattr(postgres, "LOCK_S", 0.3)
        engine = sa.create_engine(postgres_url, poolclass=sa.NullPool)
        with engine.begin() as other:
            other.exec_driver_sql(statement.format(postgres._WRITING_LOCK))
            with pytest.raises(RegistryUnavailable, match=r"kept by another writer|lock timeout"):
                opened(postgres_url).upgrade(copied=True)
        assert opened(postgres_url).upgrade(copied=True).before == 2
