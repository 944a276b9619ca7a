"""A branch is a whole home of one moment, costs what its tables cost, and its log fits; production stays as it is."""

import os
import shutil
import sqlite3
import threading
import uuid
from contextlib import closing

import pandas as pd
import pytest
from upath import UPath

from mlreg_dagster.config.places import own_registry_url, warehouse_file
from mlreg_dagster.config.settings import Settings
from mlreg_dagster.operations.backup.creation import create as back_up
from mlreg_dagster.operations.branches.creation import create, section_hashes
from mlreg_dagster.operations.branches.finding import BranchRefused, branches, find_branch
from mlreg_dagster.operations.home_copy import NotCopied
from mlreg_dagster.operations.recovery import describe_restore
from mlreg_dagster.registry import InvalidRecord, Registry
from mlreg_dagster.registry.errors import RegistryTampered
from mlreg_dagster.storage.artifacts import ArtifactFrozen, open_artifacts
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.guarded_file import WarehouseBusy
from mlreg_dagster_tests.operations.backup.small_home import add_hour, add_version, readings_in, registry_in
from mlreg_dagster_tests.operations.branches.conftest import BY
from mlreg_dagster_tests.operations.conftest import content_of

CREATE = {"by": BY, "settings": Settings()}


def of_production(home):
    """Every file but those of branches, and the note on who held the tables' lock last."""
    found = content_of(home).items()
    return {name: sha for name, sha in found if not name.startswith("branches/") and name != "warehouse.lock.json"}


def disk_usage(folder, *counted):
    """Bytes of the files below a folder, of each file once, and not of those that have a name in `counted`."""
    known = {file.stat().st_ino for each in counted for file in each.rglob("*") if file.is_file()}
    found = {file.stat().st_ino: file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    return sum(size for inode, size in found.items() if inode not in known)


def test_a_branch_begins_as_production_is_and_remembers_where_it_came_from(home):
    before, log = of_production(home), registry_in(home).audit_log()
    branch = create(home, "staging", **CREATE)
    assert {path.name for path in branch.home.iterdir()} == {
        "artifacts", "branch.json", "dagster", "mirror", "raw", "registry.sqlite", "warehouse.duckdb",
    }  # fmt: skip
    assert of_production(home) == before
    assert find_branch(home, "staging") == branch
    pd.testing.assert_frame_equal(readings_in(branch.home), readings_in(home))
    registry = registry_in(branch.home)
    assert registry.audit_log()[:-1] == log
    assert registry.find_tampering([(log[-1].sequence, log[-1].hash)]) is None
    assert describe_restore(registry.restores()[0]) == (
        "A branch of prod: staging, made at 2026-02-01 00:00 by anna (a detector is tried). Records up to "
        f"{len(log)} are those of prod. The chain is intact since."
    )
    record = branch.record
    assert (record.versions, record.audit_sequence, record.artifacts) == (("v1",), len(log), "linked")
    assert (record.tables["readings"].rows, record.tables["readings"].hours) == (6, 2)
    assert open_artifacts(str(branch.home / "artifacts")).read("models", "v1") == open_artifacts(
        str(home / "artifacts")
    ).read("models", "v1")
    payload = "raw/coingecko/markets/2026-01-01/00/payload.gz"
    assert (branch.home / payload).samefile(home / payload)


def test_a_branch_costs_what_is_copied_of_tables_and_registry(home):
    large = {"model.bin": os.urandom(1 << 20)}
    open_artifacts(str(home / "artifacts")).freeze("training_dataset", "2026-01-09", large)
    branch = create(home, "staging", **CREATE)
    copied = sum((branch.home / name).stat().st_size for name in ("warehouse.duckdb", "registry.sqlite"))
    rest = disk_usage(branch.home, *(home / name for name in ("artifacts", "raw", "mirror"))) - copied
    assert 0 < rest < 8192  # its record, and the settings of its Dagster
    assert disk_usage(branch.home) > 1 << 20


def test_writes_of_either_side_stay_on_it(home, staging):
    before = of_production(home)
    add_hour(staging.home, 7, "v1")
    add_version(staging.home, 2)
    shutil.rmtree(staging.home / "raw")
    assert of_production(home) == before
    branch = content_of(staging.home)
    add_hour(home, 8, "v1")
    add_version(home, 3)
    shutil.rmtree(home / "raw")
    assert content_of(staging.home) == branch


def test_tables_and_registry_are_of_one_moment(home, monkeypatch):
    copy, tables, refused = Registry.copy_to, DuckDBWarehouse(warehouse_file(home)), []
    tables.file.lock.timeout_s = 0.1

    def write():
        try:
            with tables.connect():
                pass
        except WarehouseBusy as error:
            refused.append(error)

    def copy_while_another_writes(registry, file):
        copy(registry, file)
        other = threading.Thread(target=write)
        other.start()
        other.join()

    monkeypatch.setattr(Registry, "copy_to", copy_while_another_writes)
    create(home, "staging", **CREATE)
    assert refused


def test_a_registry_in_postgresql_becomes_a_file_of_the_branch(home, postgres_url, monkeypatch):
    url = postgres_url
    Registry(url).load_from(home / "registry.sqlite")
    (home / "registry.sqlite").unlink()
    monkeypatch.setenv("MLREG_REGISTRY", url)
    branch = create(home, "staging", **CREATE)
    copied, log = Registry(own_registry_url(branch.home)), Registry(url).audit_log()
    assert copied.audit_log()[:-1] == log
    assert copied.find_tampering() is None
    add_version(branch.home, 2)
    assert Registry(url).audit_log() == log
    assert not (home / "registry.sqlite").exists()


@pytest.mark.parametrize("where", ["memory", "another disk"])
def test_bundles_elsewhere_are_read_from_there_and_never_written(home, where, tmp_path, monkeypatch):
    root = f"memory://{uuid.uuid4().hex}/artifacts" if where == "memory" else f"file://{tmp_path}/far"
    for path in (home / "artifacts").rglob("*"):
        if path.is_file() and path.name != ".lock":
            target = UPath(root) / path.relative_to(home / "artifacts").as_posix()
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    shutil.rmtree(home / "artifacts")
    monkeypatch.setenv("MLREG_ARTIFACTS", root)
    if where == "another disk":
        monkeypatch.setattr("mlreg_dagster.operations.branches.creation._on_one_disk", lambda *_: False)
    before = {path.path: path.read_bytes() for path in UPath(root).rglob("*") if path.is_file()}
    branch = create(home, "staging", **CREATE)
    assert branch.record.artifacts == root
    store = open_artifacts(str(branch.home / "artifacts"))
    sha256 = registry_in(branch.home).version("v1").artifact_sha256
    files = store.read("models", "v1", sha256)
    assert store.freeze("models", "v1", files).sha256 == sha256
    with pytest.raises(ArtifactFrozen):
        store.freeze("models", "v1", {"manifest.json": b"other"})
    own = store.freeze("models", "v2", {"manifest.json": b"2"})
    assert store.keys("models") == ["v1", "v2"]
    assert store.find("models", "v2") == own
    assert (branch.home / "artifacts" / "models" / "v2").is_dir()
    assert {path.path: path.read_bytes() for path in UPath(root).rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["prod", "../out", "a/b", ".x", ""])
def test_a_name_that_is_none_makes_nothing(home, name):
    with pytest.raises(BranchRefused):
        create(home, name, **CREATE)
    assert not (home / "branches").exists()


def test_no_branch_is_made_twice_of_a_branch_of_nothing_or_without_a_reason(home, staging, tmp_path):
    with pytest.raises(BranchRefused, match="is there already"):
        create(home, "staging", **CREATE)
    with pytest.raises(BranchRefused, match="is a branch"):
        create(staging.home, "deeper", **CREATE)
    with pytest.raises(NotCopied):
        create(tmp_path / "none", "staging", **CREATE)
    (home / "branches" / "odd").symlink_to(tmp_path)
    with pytest.raises(BranchRefused, match="is there already"):
        create(home, "odd", **CREATE)
    with pytest.raises(InvalidRecord):
        create(home, "other", type(BY)("anna", BY.time, " "), Settings())
    assert [each.name for each in branches(home)] == ["staging"]


def test_no_branch_is_made_of_a_registry_that_was_tampered_with(home):
    with closing(sqlite3.connect(home / "registry.sqlite")) as registry:
        registry.execute("DROP TRIGGER IF EXISTS model_versions_no_update")
        for (name,) in registry.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            registry.execute(f'DROP TRIGGER "{name}"')
        registry.execute("UPDATE model_versions SET detector = 'other'")
        registry.commit()
    with pytest.raises(RegistryTampered, match="No branch was made"):
        create(home, "staging", **CREATE)
    assert branches(home) == []


def test_backups_leave_branches_alone_and_are_not_made_of_them(home, staging, tmp_path):
    backup, manifest = back_up(home, tmp_path / "backups")
    assert not [name for name in manifest.files if "branch" in name]
    assert not (backup / "branches").exists()
    with pytest.raises(NotCopied, match="is a branch, and backups are made of production"):
        back_up(staging.home, tmp_path / "backups")


def test_each_config_file_has_a_hash_that_its_values_decide():
    hashes = section_hashes(Settings())
    assert {"model", "features", "promotion", "use_case"} <= hashes.keys()
    changed = Settings(features={"lag_hours": [1]})
    assert [name for name in hashes if section_hashes(changed)[name] != hashes[name]] == ["features"]
