"""A backup holds what a home can't make again; what was damaged is refused; on another path all of it is equal."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.config.places import warehouse_file
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.operations.backup import creation
from mlreg_dagster.operations.backup.creation import NotABackupFolder, create
from mlreg_dagster.operations.backup.drafts import BackupBusy, draft_of
from mlreg_dagster.operations.backup.manifest import BackupDamaged, NoBackup, listed, verify
from mlreg_dagster.operations.backup.restoring import HomeTaken, restore_backup
from mlreg_dagster.operations.home_copy import NotCopied
from mlreg_dagster.operations.recovery import NothingRestored, describe_restore, restore
from mlreg_dagster.registry import Attribution, Registry, RegistryNotEmpty
from mlreg_dagster.registry.errors import RegistryTampered
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader
from mlreg_dagster.storage.prediction_log import layout_of
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.guarded_file import WarehouseBusy
from mlreg_dagster.storage.warehouse.reader import WarehouseReader
from mlreg_dagster_tests.operations.backup.small_home import (
    ANSWER,
    SEALED,
    add_hour,
    add_version,
    readings_in,
    registry_in,
)
from mlreg_dagster_tests.operations.conftest import content_of
from mlreg_dagster_tests.postgres import schema_of_its_own
from mlreg_dagster_tests.registry.builders import raise_alert, register

BY = Attribution("anna", datetime(2026, 2, 1, tzinfo=UTC), "the disk failed")
POLICY = PromotionSettings()


@pytest.fixture
def backup(home, tmp_path):
    return create(home, tmp_path / "backups")[0]


def bundles_in(home):
    return {name: sha256 for name, sha256 in content_of(home / "artifacts").items() if name != ".lock"}


@pytest.mark.parametrize("link", [True, False])
def test_a_backup_restores_to_equal_tables_registry_and_artifacts_on_another_path(home, tmp_path, link):
    backup, manifest = create(home, tmp_path / "backups", link=link)
    head = registry_in(home).audit_head()
    assert (manifest.head, manifest.versions, manifest.damaged, manifest.left_out) == (head, ("v1",), (), ())
    assert manifest.tables["readings"].rows == 6
    assert manifest.tables["readings"].newest == datetime(2026, 1, 1, 1, tzinfo=UTC)
    before = readings_in(home), registry_in(home).audit_log(), bundles_in(home), content_of(home / "raw")
    linked = (backup / "raw/coingecko/markets/2026-01-01/00/payload.gz").stat().st_nlink
    assert linked == (2 if link else 1)
    shutil.rmtree(home)
    whole = content_of(backup)

    other = tmp_path / "elsewhere" / "home"
    restored, record = restore_backup(backup, other, BY, POLICY)
    assert restored == manifest
    tables, log, artifacts, raw = before
    pd.testing.assert_frame_equal(readings_in(other), tables)
    assert not (backup / "mirror").exists()
    with MirrorReader(other).tables() as mirrored:
        pd.testing.assert_frame_equal(mirrored.frame("SELECT * FROM readings ORDER BY hour, name"), tables)
    assert registry_in(other).audit_log()[:-1] == log
    assert registry_in(other).audit_log()[-1].kind == "restores"
    assert registry_in(other).find_tampering([head]) is None
    assert bundles_in(other) == artifacts
    assert content_of(other / "raw") == raw
    assert (other / "served/open/1.jsonl").read_text() == 2 * ANSWER
    assert (other / "served/sealed" / SEALED).read_text() == f"{ANSWER}torn"
    assert (other / "served/counts/champion-1/1.jsonl").read_text() == ANSWER
    assert sorted(path.name for path in (other / "served/hours").iterdir()) == ["20260101T00.parquet"]
    assert not {"dagster", "serving-keys.json", "manifest.json"} & {path.name for path in other.iterdir()}
    assert "Restored from the backup of" in describe_restore(record)
    assert f"whose newest record is {head[0]}, at 2026-02-01 00:00 by anna (the disk failed)" in describe_restore(
        record
    )
    assert content_of(backup) == whole
    assert {path.stat().st_nlink for path in other.rglob("*") if path.is_file()} == {1}  # nothing is shared with it


def test_later_records_do_not_reach_a_backup_and_are_told_as_lost_where_something_remembers_them(
    home, tmp_path, backup
):
    add_version(home, 2)
    later = registry_in(home).audit_head()
    restore_backup(backup, tmp_path / "other", BY, POLICY)
    registry = registry_in(tmp_path / "other")
    assert [each.version for each in registry.versions()] == ["v1"]
    assert "was witnessed" in str(registry.find_tampering([later]))
    found = restore(registry, [later], ["v1", "v2"], BY, POLICY)
    assert found.facts["lost_versions"] == ["v2"]
    assert registry.find_tampering([later]) is None
    with pytest.raises(NothingRestored):
        restore(registry, [later], ["v1", "v2"], BY, POLICY)


def test_a_bundle_that_the_registry_does_not_know_is_left_out_and_its_name_stays_taken(home, tmp_path):
    open_artifacts(str(home / "artifacts")).freeze("models", "v2", {"manifest.json": b"{}"})
    backup, manifest = create(home, tmp_path / "backups")
    assert manifest.left_out == ("models/v2",)
    restore_backup(backup, tmp_path / "other", BY, POLICY)
    assert registry_in(tmp_path / "other").lost_versions() == {"v2"}


def test_what_was_damaged_in_the_home_already_is_said_and_keeps_no_backup_from_being_made(home, tmp_path):
    (home / "artifacts/models/v1/manifest.json").write_text("edited")
    backup, manifest = create(home, tmp_path / "backups")
    assert manifest.damaged == ("models/v1 is missing, or not what was frozen",)
    verify(backup)


def test_a_registry_that_does_not_fit_its_log_is_refused(home, tmp_path):
    with closing(sqlite3.connect(home / "registry.sqlite")) as connection:
        connection.execute("DROP TRIGGER model_versions_no_update")
        connection.execute("UPDATE model_versions SET detector = 'another'")
        connection.commit()
    with pytest.raises(RegistryTampered, match="No backup was made of it"):
        create(home, tmp_path / "backups")
    assert listed(tmp_path / "backups") == []


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # another name of the same file stays as it is
    path.write_bytes(content)


def _replaced_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


DAMAGE = {
    "a changed byte of the tables": (lambda root: _flip(root / "warehouse.duckdb"), "warehouse.duckdb has changed"),
    "a changed byte of the registry": (lambda root: _flip(root / "registry.sqlite"), "registry.sqlite has changed"),
    "a file that is gone": (lambda root: (root / f"served/sealed/{SEALED}").unlink(), "is missing"),
    "a file that is cut": (lambda root: os.truncate(root / "warehouse.duckdb", 100), "warehouse.duckdb has changed"),
    "a link": (
        lambda root: _replaced_by_link(root / "artifacts/models/v1/manifest.json"),
        "manifest.json (has changed|is missing)",
    ),
    "a manifest that was edited": (lambda root: _flip(root / "manifest.json"), "does not have the hash"),
    "a manifest that is gone": (lambda root: (root / "manifest.json").unlink(), "is no backup"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_backup_is_refused_in_words(backup, tmp_path, damage):
    do, words = DAMAGE[damage]
    do(backup)
    with pytest.raises((BackupDamaged, NoBackup), match=words):
        verify(backup)
    with pytest.raises((BackupDamaged, NoBackup), match=words) as refused:
        restore_backup(backup, tmp_path / "other", BY, POLICY)
    assert "mlreg-draft" not in str(refused.value)
    assert not (tmp_path / "other").exists()
    assert not list(tmp_path.glob(".other*"))


def test_a_file_that_was_added_is_refused(backup):
    (backup / "artifacts/models/v1/extra").write_text("x")
    with pytest.raises(BackupDamaged, match="artifacts/models/v1/extra was not part of it"):
        verify(backup)


def test_nothing_is_overwritten_and_no_home_is_made(home, backup, tmp_path):
    before = content_of(home)
    with pytest.raises(HomeTaken, match=r"is not empty, and nothing is ever overwritten"):
        restore_backup(backup, home, BY, POLICY)
    assert content_of(home) == before
    with pytest.raises(NotABackupFolder, match="would be lost with it"):
        create(home, home / "backups")
    with pytest.raises(NotCopied):
        create(tmp_path / "nowhere", tmp_path / "backups")
    assert not (tmp_path / "nowhere").exists()
    with draft_of(tmp_path / "backups" / "x"), pytest.raises(BackupBusy, match="Wait until it has ended"):
        create(home, tmp_path / "backups")


def test_nothing_is_copied_while_tables_are_written_or_answers_are_moved(home, tmp_path, monkeypatch):
    quick = partial(WarehouseReader, lock_timeout_s=0.1)
    monkeypatch.setattr("mlreg_dagster.operations.kept_tables.WarehouseReader", quick)
    monkeypatch.setattr(creation, "_PATIENCE_S", 0.1)
    with DuckDBWarehouse(warehouse_file(home)).connect(), pytest.raises(WarehouseBusy):
        create(home, tmp_path / "backups")
    with FileLock(layout_of(home).compaction_lock), pytest.raises(BackupBusy, match="has stored answers"):
        create(home, tmp_path / "backups")
    assert listed(tmp_path / "backups") == []


def test_what_fails_halfway_leaves_nothing(home, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(creation, "write_manifest", full)
    with pytest.raises(MlregError, match="the disk is full"):
        create(home, tmp_path / "backups")
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [".mlreg-backup.lock"]
    assert not (home / "newest-backup.json").exists()


def test_people_who_may_not_decide_restore_nothing(backup, tmp_path):
    policy = PromotionSettings.model_validate({"people": {"bob": {}}})
    with pytest.raises(MlregError, match="anna"):
        restore_backup(backup, tmp_path / "other", BY, policy)
    assert not (tmp_path / "other").exists()


def test_backups_are_listed_newest_first_with_what_is_wrong(home, backup, tmp_path):
    add_hour(home, 2, "v1")
    newer, _ = create(home, tmp_path / "backups")
    (backup / "manifest.json").unlink()
    found = listed(tmp_path / "backups")
    assert [each.path for each in found] == [newer, backup]
    assert (found[0].state, "is no backup" in found[1].state) == ("whole", True)


def test_a_registry_in_postgresql_is_backed_up_and_restored_into_a_file_and_a_server(
    home, tmp_path, monkeypatch, postgres_url, postgres_server
):
    source = Registry(postgres_url)
    source.load_from(home / "registry.sqlite")
    raise_alert(source)
    monkeypatch.setenv("MLREG_REGISTRY", postgres_url)
    backup, manifest = create(home, tmp_path / "backups")
    assert (manifest.registry, manifest.head) == ("postgresql", source.audit_head())

    restore_backup(backup, tmp_path / "file", BY, POLICY)
    assert registry_in(tmp_path / "file").audit_log()[:-1] == source.audit_log()
    assert registry_in(tmp_path / "file").find_tampering([manifest.head]) is None

    with pytest.raises(RegistryNotEmpty, match="into an empty one alone"):
        restore_backup(backup, tmp_path / "taken", BY, POLICY, server=postgres_url)
    assert not (tmp_path / "taken").exists()
    server = schema_of_its_own(postgres_server)
    restore_backup(backup, tmp_path / "server", BY, POLICY, server=server)
    loaded = Registry(server)
    assert loaded.audit_log()[:-1] == source.audit_log()
    assert not (tmp_path / "server" / "registry.sqlite").exists()
    register(loaded, "v2")
    raise_alert(loaded, subject="another")  # numbers go on after those that were loaded
    assert loaded.find_tampering([manifest.head]) is None
