"""Whatever is wrong in a home is found, nothing is changed by looking, and the remedy fixes it."""

import os
import shutil
import subprocess
import sys

import pytest

from mlreg_dagster.core.health import Finding
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.operations.doctor.doctor import examine
from mlreg_dagster.orchestration.instance.cleanup import dagster_is_sound, opened
from mlreg_dagster_tests.lifecycle import START
from mlreg_dagster_tests.operations.conftest import NOW, content_of, home_of
from mlreg_dagster_tests.operations.doctor.damage import misses


def test_a_home_in_order(home, findings):
    before = content_of(home.folder)
    found = findings()
    assert misses(found) == set()
    assert {finding.state for finding in found.values()} <= {"ok", "waiting"}
    assert found["datasets"].seen == "1 days are intact; 0 of them no version was trained on."
    assert content_of(home.folder) == before


def test_other_libraries_than_those_of_the_models_in_use_are_told(findings, monkeypatch):
    assert findings()["models in use"].state == "ok"
    now = artifact.library_versions()
    monkeypatch.setattr(artifact, "library_versions", lambda: {**now, "scikit-learn": "9.9"})
    found = findings()["models in use"]
    assert (found.state, "scikit-learn" in found.seen, "mlreg retrain --verify v2" in found.seen) == (
        "waiting",
        True,
        True,
    )


def test_snapshots_from_before_the_start_are_told(home, live):
    ingest = live.settings.ingest.override({"start": (START + 5 * HOUR).isoformat()})
    settings = live.settings.model_copy(update={"ingest": ingest})
    found = {finding.name: finding for finding in examine(home, settings, NOW)}["start of the market"]
    assert found.state == "waiting"
    assert f"5 hours of snapshots, from {START:%Y-%m-%d %H:%M} on, lie before the start" in found.seen


def test_a_home_that_is_not_there(home, live):
    shutil.rmtree(home.folder)
    (finding,) = examine(home, live.settings, NOW)
    assert finding.state == "miss"
    assert "MLREG_HOME" in finding.advice
    assert not home.folder.exists()


def test_an_empty_home_is_left_empty(make_world, live):
    world = make_world(None, "empty")
    (world.home / "registry.sqlite").unlink()
    found = examine(home_of(world), live.settings, NOW)
    assert {finding.state for finding in found if finding.name != "disk"} == {"ok", "waiting"}
    assert list(world.home.iterdir()) == []


HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_process_that_keeps_the_tables_is_named(home, findings):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, home.warehouse.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        lock = findings()["lock"]
        assert lock.state == "miss"
        assert f'"pid": {holder.pid}' in lock.seen
    finally:
        holder.kill()
        holder.communicate()  # which also closes its pipe
    assert findings()["lock"].state == "ok"


def test_tables_that_were_cut_short(home, findings):
    os.truncate(home.warehouse.path, home.warehouse.path.stat().st_size // 2)
    found = findings()["tables"]
    assert found.state == "miss"
    assert "docs/runbook.md" in found.advice


def test_an_alias_of_a_version_that_is_not_registered(home, findings, monkeypatch):
    """The database keeps it from happening; PostgreSQL is not asked about its own integrity."""
    versions = home.registry.versions()
    monkeypatch.setattr(home.registry, "versions", lambda: versions[:1])
    assert findings()["aliases"] == Finding(
        "aliases",
        "miss",
        "They point at versions that are not registered: champion (v2).",
        'mlreg rollback <version> --alias <alias> --reason "…"',
    )


def test_little_room(findings, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 40, 1 << 40, 1 << 20))
    found = findings()["disk"]
    assert (found.state, found.seen.startswith("1 MB free")) == ("miss", True)
    assert "mlreg prune --dry-run" in found.advice


# --- Dagster's own storage -----------------------------------------------------------------------------------


def _dagster(home, registered=frozenset()):
    with opened(home) as instance:
        return [instance] if isinstance(instance, Finding) else dagster_is_sound(instance, registered)


def test_dagsters_storage_in_order(dagster_home):
    before = content_of(dagster_home)
    found = _dagster(dagster_home)
    assert [finding.state for finding in found] == ["ok", "ok"]
    assert "0 runs" in found[0].seen
    assert content_of(dagster_home) == before


def test_dagsters_storage_that_is_not_there(tmp_path):
    (found,) = _dagster(tmp_path / "dagster")
    assert found.state == "waiting"
    assert not (tmp_path / "dagster").exists()


@pytest.mark.parametrize("file", ["history/runs.db", "history/runs/index.db", "dagster.yaml"])
def test_dagsters_storage_that_is_damaged(dagster_home, file):
    (dagster_home / file).write_bytes(b"\xff{not: a file" * 1000)
    (found,) = _dagster(dagster_home)
    assert found.state == "miss"
    assert "docs/runbook.md" in found.advice


def test_versions_and_their_partitions(dagster_home):
    (_, found) = _dagster(dagster_home, {"v1", "v2"})
    assert (found.state, found.advice) == ("miss", "mlreg evaluate v1 (it adds the partition)")
