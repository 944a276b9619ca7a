"""Backups of a home that is written meanwhile are consistent, and one that is killed leaves none that is half."""

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pandas as pd
import pytest

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.operations.backup.creation import create
from mlreg_dagster.operations.backup.drafts import drafts_in
from mlreg_dagster.operations.backup.manifest import listed, verify
from mlreg_dagster.operations.backup.restoring import restore_backup
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster_tests.operations.backup.small_home import (
    back_up_for_ever,
    readings_in,
    registry_in,
    restore_for_ever,
    write_for_ever,
)
from mlreg_dagster_tests.operations.conftest import content_of
from mlreg_dagster_tests.waiting import wait_for

pytestmark = pytest.mark.slow

BY = Attribution("anna", datetime(2026, 2, 1, tzinfo=UTC), "the disk failed")
KILLS = 6


@contextmanager
def running(target: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Another process, killed at the end by a signal that it can't see."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["mlreg_dagster_tests.operations.backup.small_home"])
    process = forks.Process(target=target, args=arguments)
    process.start()
    try:
        yield
        assert process.is_alive()
    finally:
        process.kill()
        process.join()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_backups_under_writes_restore_to_one_moment_of_tables_registry_and_artifacts(
    home, tmp_path, monkeypatch, request, kind
):
    live, url = registry_in(home), None
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_url")
        live = Registry(url)
        live.load_from(home / "registry.sqlite")
        monkeypatch.setenv("MLREG_REGISTRY", url)
    made = []
    with running(write_for_ever, home, url):
        for number in range(3):
            wait_for(lambda count=number: len(live.versions()) > 2 * count + 1)
            made.append(create(home, tmp_path / "backups"))
    log, rows = live.audit_log(), readings_in(home)
    for number, (backup, manifest) in enumerate(made):
        other = tmp_path / str(number)
        restore_backup(backup, other, BY, PromotionSettings())
        registry, tables = registry_in(other), readings_in(other)
        assert registry.audit_log()[:-1] == log[: manifest.head[0]]
        assert registry.find_tampering([manifest.head]) is None
        last = tables["hour"].max()
        pd.testing.assert_frame_equal(tables, rows[rows["hour"] <= last].reset_index(drop=True))
        versions = {version.version for version in registry.versions()}
        assert set(tables["label"]) <= versions
        assert len(versions) - tables["label"].nunique() <= 1  # trained, and no hour written with it yet
        assert manifest.damaged == ()
        bundles = content_of(other / "artifacts")
        assert bundles.items() <= content_of(home / "artifacts").items()
        assert {name.split("/")[1] for name in bundles if name.startswith("models/")} == versions
    assert made[0][1].head < made[1][1].head < made[2][1].head


def test_a_backup_that_is_killed_anywhere_leaves_none_that_is_half(home, tmp_path):
    folder, chance = tmp_path / "backups", random.Random(18)
    began = time.monotonic()
    create(home, folder)
    took, before = time.monotonic() - began, content_of(home)
    for _ in range(KILLS):
        count = len(listed(folder))
        with running(back_up_for_ever, home, folder):
            wait_for(lambda: drafts_in(folder) or len(listed(folder)) > count)  # noqa: B023
            time.sleep(chance.uniform(0, 2 * took))
        for each in listed(folder):
            assert each.state == "whole"
            assert verify(each.path) == each.manifest
    create(home, folder)
    assert drafts_in(folder) == []
    passing = {"newest-backup.json", "newest-backup.json.draft", "warehouse.lock.json"}
    assert {name for name, sha in content_of(home).items() if before.get(name) != sha} <= passing


def test_a_restore_that_is_killed_anywhere_leaves_no_half_home(home, tmp_path):
    backup, manifest = create(home, tmp_path / "backups")
    folder, chance = tmp_path / "homes", random.Random(18)
    folder.mkdir()
    began = time.monotonic()
    restore_backup(backup, folder / "0", BY, PromotionSettings())
    took = time.monotonic() - began
    for _ in range(KILLS):
        with running(restore_for_ever, backup, folder):
            wait_for(lambda: drafts_in(folder) or (folder / "1").exists())
            time.sleep(chance.uniform(0, 2 * took))
    found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    for home_again in found:
        assert len(registry_in(home_again).restores()) == 1
        assert len(readings_in(home_again)) == manifest.tables["readings"].rows
        assert content_of(home_again / "artifacts").items() >= content_of(backup / "artifacts").items()
    assert (folder / "0") in found
