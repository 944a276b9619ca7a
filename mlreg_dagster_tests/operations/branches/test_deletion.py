"""A deleted branch is gone at once and leaves a line; nothing of production and nothing behind a link goes with it."""

import json
import shutil

import pytest
from filelock import FileLock

from mlreg_dagster.config.settings import Settings
from mlreg_dagster.operations.backup.drafts import LOCK, BackupBusy
from mlreg_dagster.operations.branches.creation import create
from mlreg_dagster.operations.branches.deletion import delete
from mlreg_dagster.operations.branches.finding import BranchRefused, UnknownBranch, branches
from mlreg_dagster.operations.branches.numbers import production_of, taken_elsewhere
from mlreg_dagster.orchestration.locks.lifecycle import alone_on
from mlreg_dagster_tests.operations.backup.small_home import add_version
from mlreg_dagster_tests.operations.branches.conftest import BY
from mlreg_dagster_tests.operations.branches.test_creation import of_production


def test_a_deleted_branch_leaves_production_and_a_line(home, staging, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (staging.home / "link").symlink_to(outside)
    add_version(staging.home, 2)
    before = of_production(home)
    assert delete(home, "staging", BY) == staging
    assert of_production(home) == before
    assert (outside / "kept").read_text() == "kept"
    assert branches(home) == []
    assert {path.name for path in (home / "branches").iterdir()} == {LOCK, "deleted.jsonl"}
    line = json.loads((home / "branches" / "deleted.jsonl").read_text())
    assert (line["name"], line["deleted_by"], line["reason"], line["versions"]) == (
        "staging",
        "anna",
        BY.reason,
        ["v2"],
    )
    with pytest.raises(UnknownBranch):
        delete(home, "staging", BY)


def test_a_branch_at_work_is_not_deleted(home, staging):
    with alone_on(staging.home), pytest.raises(BranchRefused, match="A process works on the branch staging"):
        delete(home, "staging", BY)
    with FileLock(home / "branches" / LOCK), pytest.raises(BackupBusy, match="makes or deletes a branch"):
        delete(home, "staging", BY)
    with pytest.raises(BranchRefused, match="is a branch"):
        delete(staging.home, "staging", BY)
    assert branches(home) == [staging]


def test_numbers_are_taken_across_production_and_its_branches(home, staging):
    other = create(home, "other", BY, Settings())
    add_version(staging.home, 2)
    add_version(home, 3)
    assert taken_elsewhere(home) == {"v1", "v2"}
    assert taken_elsewhere(staging.home) == {"v1", "v3"}
    assert taken_elsewhere(other.home) == {"v1", "v2", "v3"}
    delete(home, "staging", BY)
    assert taken_elsewhere(home) == {"v1", "v2"}
    deleted = home / "branches" / "deleted.jsonl"
    deleted.write_text(deleted.read_text() + '{"versions": ["v9')
    (other.home / "registry.sqlite").write_bytes(b"broken")
    assert taken_elsewhere(home) == {"v2"}


def test_a_copy_of_a_branch_elsewhere_has_no_production(staging, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(staging.home, moved)
    assert production_of(moved) == moved
    assert taken_elsewhere(moved) == set()
