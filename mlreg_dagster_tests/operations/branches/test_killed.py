"""A process that is killed while it makes or deletes a branch leaves a whole one or none, and production as it was."""

import random
import time

import pytest

from mlreg_dagster.config.settings import Settings
from mlreg_dagster.operations import kept_tables
from mlreg_dagster.operations.branches import creation, deletion
from mlreg_dagster.operations.branches.creation import create
from mlreg_dagster.operations.branches.deletion import delete
from mlreg_dagster.operations.branches.finding import branches, not_branches
from mlreg_dagster_tests.operations.backup.small_home import readings_in, registry_in
from mlreg_dagster_tests.operations.backup.test_backup_at_work import running
from mlreg_dagster_tests.operations.branches.conftest import BY
from mlreg_dagster_tests.operations.branches.test_creation import of_production
from mlreg_dagster_tests.waiting import wait_for

KILLS = 3


class Killed(BaseException):
    """Ends a process where it stands, as far as the test can see."""


def make_and_delete_for_ever(home):
    """Make a branch and delete it, again and again."""
    while True:
        if branches(home):
            delete(home, "staging", BY)
        else:
            create(home, "staging", BY, Settings())


def branch_names(home):
    """Of branches and drafts."""
    root = home / "branches"
    return [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []


def assert_whole_or_none(home):
    assert not_branches(home) == []
    for branch in branches(home):
        registry = registry_in(branch.home)
        assert len(registry.restores()) == 1
        assert registry.find_tampering() is None
        assert len(readings_in(branch.home)) == branch.record.tables["readings"].rows
        assert (branch.home / "dagster" / "dagster.yaml").is_file()


@pytest.mark.parametrize(
    ("module", "step"),
    [
        (kept_tables, "copy_file"), (creation, "table_states"), (creation, "_take_artifacts"),
        (creation, "_take_files"), (creation, "_remember_origin"), (creation, "write_record"),
    ],
)  # fmt: skip
def test_no_step_of_making_leaves_half_a_branch(home, monkeypatch, module, step):
    before, done = of_production(home), getattr(module, step)

    def dies(*arguments, **options):
        done(*arguments, **options)
        raise Killed

    with monkeypatch.context() as killed:
        killed.setattr(module, step, dies)
        killed.setattr("mlreg_dagster.operations.backup.drafts.shutil.rmtree", lambda *_, **__: None)  # no time for it
        with pytest.raises(Killed):
            create(home, "staging", BY, Settings())
    assert branches(home) == []
    assert_whole_or_none(home)
    assert of_production(home) == before
    create(home, "staging", BY, Settings())
    assert_whole_or_none(home)
    assert [path.name for path in (home / "branches").iterdir() if path.name.endswith("draft")] == []


def test_a_deletion_that_dies_half_way_is_ended_by_the_next(home, staging, monkeypatch):
    def dies(*_, **__):
        (home / "branches/.staging.mlreg-draft/warehouse.duckdb").unlink()
        raise Killed

    before = of_production(home)
    with monkeypatch.context() as killed:
        killed.setattr(deletion.shutil, "rmtree", dies)
        with pytest.raises(Killed):
            delete(home, "staging", BY)
    assert (branches(home), not_branches(home)) == ([], [])
    assert not staging.home.exists()
    assert of_production(home) == before
    create(home, "staging", BY, Settings())
    assert not (home / "branches" / ".staging.mlreg-draft").exists()
    assert_whole_or_none(home)


@pytest.mark.slow
def test_a_process_that_is_killed_anywhere_leaves_a_whole_branch_or_none(home):
    before, chance = of_production(home), random.Random(19)
    for _ in range(KILLS):
        known = set(branch_names(home))
        with running(make_and_delete_for_ever, home):
            wait_for(lambda: set(branch_names(home)) != known)  # noqa: B023
            time.sleep(chance.uniform(0, 1))
        assert_whole_or_none(home)
        assert of_production(home) == before
    for branch in branches(home):
        delete(home, branch.name, BY)
    create(home, "staging", BY, Settings())
    assert_whole_or_none(home)
