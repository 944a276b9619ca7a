"""Files that were overwritten or cut short: a clear error, nothing made worse, and how to go on."""

import os
import shutil
import subprocess
import sys

import pytest

from mlreg_dagster import jobs
from mlreg_dagster.core.errors import TransientError
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.runner import RunFailed
from mlreg_dagster.storage.artifacts import ArtifactMissing, ArtifactTampered
from mlreg_dagster.storage.faults import StorageDamaged
from mlreg_dagster_tests.faults import wording
from mlreg_dagster_tests.faults.home import HOURS, Home, noisy
from mlreg_dagster_tests.lifecycle import LIVE_HOURS
from mlreg_dagster_tests.storage.warehouse.sample_table import READINGS, rows

DAMAGED = rf"{wording.DAMAGED} \(.*Nothing was changed in it\. .*put a copy from before in its place; docs/runbook\.md"


@pytest.fixture(scope="module")
def made_home(tmp_path_factory):
    made = Home(tmp_path_factory.mktemp("damage") / "home")
    made.fill()
    made.warehouse.write(READINGS, noisy(HOURS, names=500), HOURS)
    return made.warehouse.path.parent


@pytest.fixture
def home(made_home, tmp_path):
    return Home(shutil.copytree(made_home, tmp_path / "home"))


def _garbage(content):
    return b"garbage!" * (len(content) // 8)


def _cut_to(share):
    return lambda content: content[: int(len(content) * share)]


def _overwritten_at_the_start(content):
    return content[:100] + b"\xff" * 100 + content[200:]


@pytest.mark.parametrize(
    "damage",
    [_garbage, _cut_to(0), _cut_to(0.001), _cut_to(0.5), _cut_to(0.9), _overwritten_at_the_start],
    ids=["garbage", "nothing", "a bit", "half", "most", "overwritten"],
)
def test_a_damaged_warehouse(home, damage):
    path = home.warehouse.path
    whole = path.read_bytes()
    broken = damage(whole)
    path.write_bytes(broken)
    for _ in range(2):
        with pytest.raises(StorageDamaged, match=DAMAGED) as error:
            home.warehouse.read(READINGS)
        assert str(path) in str(error.value)
    assert path.read_bytes() == broken
    path.write_bytes(whole)  # the copy from before
    assert len(home.warehouse.read(READINGS)) == len(HOURS) * 500


@pytest.mark.parametrize("damage", [_garbage, _cut_to(0), _cut_to(0.001)], ids=["garbage", "nothing", "a bit"])
def test_nothing_is_written_into_what_is_no_warehouse(home, damage):
    broken = damage(home.warehouse.path.read_bytes())
    home.warehouse.path.write_bytes(broken)
    with pytest.raises(StorageDamaged, match=DAMAGED):
        home.warehouse.write(READINGS, rows(HOURS[:1]), HOURS[:1])
    assert home.warehouse.path.read_bytes() == broken


WRITE_AND_DIE = """
import duckdb, os, sys
connection = duckdb.connect(sys.argv[1])
for number in range(9):
    connection.execute(f"CREATE TABLE stray_{number} AS SELECT range AS number FROM range(1000)")
os._exit(0)
"""


def test_a_damaged_write_ahead_log_of_the_warehouse(home):
    subprocess.run([sys.executable, "-c", WRITE_AND_DIE, home.warehouse.path], check=True)
    path = home.warehouse.path.with_name(f"{home.warehouse.path.name}.wal")
    whole = path.read_bytes()
    broken = whole[: len(whole) // 2] + b"\xff" * 100 + whole[len(whole) // 2 + 100 :]
    path.write_bytes(broken)
    for attempt in (lambda: home.warehouse.read(READINGS), lambda: home.warehouse.file.connect_read_only().__enter__()):
        with pytest.raises(StorageDamaged, match=rf"{DAMAGED}") as error:
            attempt()
        assert str(path) in str(error.value)
    assert path.read_bytes() == broken
    path.unlink()  # as the runbook says
    assert len(home.warehouse.read(READINGS)) == len(HOURS) * 500


@pytest.mark.parametrize(
    "damage", [_garbage, _cut_to(0.1), _cut_to(0.5), _cut_to(0.9)], ids=["garbage", "a bit", "half", "most"]
)
def test_a_damaged_registry(home, damage):
    whole = home.registry_path.read_bytes()
    broken = damage(whole)
    home.registry_path.write_bytes(broken)
    for attempt in (home.registry.versions, lambda: home.register("v2")):
        with pytest.raises(StorageDamaged, match=DAMAGED) as error:
            attempt()
        assert str(home.registry_path) in str(error.value)
    assert home.registry_path.read_bytes() == broken
    home.registry_path.write_bytes(whole)
    assert [model.version for model in Home(home.registry_path.parent).registry.versions()] == ["v1"]


def test_damage_does_not_pass_by_itself():
    assert not issubclass(StorageDamaged, TransientError)


@pytest.mark.parametrize("file", ["pipeline.skops", "manifest.json", "SHA256SUMS"])
def test_a_run_with_an_artifact_that_was_cut_short_fails_and_keeps_what_was_there(live, file):
    before = live.warehouse.read(PREDICTIONS)
    path = live.home / "artifacts" / "models" / "v1" / file
    whole = path.read_bytes()
    os.truncate(path, len(whole) // 2)
    with pytest.raises(RunFailed, match=rf"{wording.DAMAGED}|{wording.TAMPERED}.*restore the file from a copy"):
        live.run_hours(jobs.PREDICTIONS, LIVE_HOURS)
    assert live.warehouse.read(PREDICTIONS).equals(before)
    path.write_bytes(whole)
    live.run_hours(jobs.PREDICTIONS, LIVE_HOURS)
    assert live.warehouse.read(PREDICTIONS).equals(before)


def test_an_artifact_whose_files_are_gone(home):
    folder = home.warehouse.path.parent / "artifacts" / "models" / "v1"
    (folder / "model.bin").unlink()
    with pytest.raises(ArtifactTampered, match=r"model\.bin: expected .*, found no such file\. Don't use it"):
        home.artifacts.read("models", "v1")
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(ArtifactMissing, match=rf"{wording.MISSING} models/v1 in .*Bundles of models: none"):
        home.artifacts.read("models", "v1")
