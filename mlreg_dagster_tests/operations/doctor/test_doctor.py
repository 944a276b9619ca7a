"""Whatever is wrong in a home is found, nothing is changed by looking, and the remedy fixes it."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import duckdb
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.core.health import Finding
from mlreg_dagster.core.hours import HOUR, hour_key
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.operations.doctor.doctor import examine
from mlreg_dagster.orchestration.instance.cleanup import dagster_is_sound, opened
from mlreg_dagster_tests.lifecycle import LIVE, LIVE_HOURS, NOON, START
from mlreg_dagster_tests.operations.conftest import NOW, content_of, home_of

GONE = LIVE + 5 * HOUR


def _missed(findings):
    return {name for name, finding in findings.items() if finding.state == "miss"} - {"disk"}


def _sql(home, *statements):
    with duckdb.connect(str(home.warehouse.path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in statements:
            connection.execute(statement)


def test_a_home_in_order(home, findings):
    before = content_of(home.folder)
    found = findings()
    assert _missed(found) == set()
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


def test_repaired_hours_behind_a_version_in_use_are_told(home, findings):
    assert findings()["repaired hours"].state == "ok"
    first = START + 30 * HOUR
    _sql(home, f"UPDATE market_features SET change_1h_pct = 99 WHERE hour IN ('{first}', '{first + HOUR}')")
    before = content_of(home.folder)
    found = findings()["repaired hours"]
    assert found.state == "waiting"  # a person or the next training decides
    assert found.seen.startswith("v2 (champion): 2 of the 48 hours of training_dataset 2026-01-04 hold other rows now")
    assert "mlreg train" in found.advice
    assert content_of(home.folder) == before


def test_hours_that_were_pruned_are_no_repair(home, findings):
    _sql(home, f"DELETE FROM market_features WHERE hour < '{START + 30 * HOUR}'")
    found = findings()["repaired hours"]
    assert found.state == "ok"
    assert "6 hours have no rows any more" in found.seen


TABLES = {
    "an hour without snapshot": (
        [f"DELETE FROM {table} WHERE hour = '{GONE}'" for table in ("market_snapshot", "market_features")],
        {"hours of snapshots", "predictions of features"},
        f"--select market_snapshot,market_features --partition-range {hour_key(GONE)}...{hour_key(GONE)}",
    ),
    "hours without features": (
        [f"DELETE FROM market_features WHERE hour IN ('{GONE}', '{GONE + HOUR}')"],
        {"hours of features", "predictions of features"},
        f"--select market_features --partition-range {hour_key(GONE)}...{hour_key(GONE + HOUR)}",
    ),
    "a lost row of features": (
        [f"DELETE FROM market_features WHERE hour = '{NOON}' AND instrument_id IN "
         f"(SELECT min(instrument_id) FROM predictions WHERE hour = '{NOON}')"],
        {"predictions of features"},
        f"--select market_features,predictions --partition-range {hour_key(NOON)}...{hour_key(NOON)}",
    ),
    "predictions due without outcome": (
        [f"DELETE FROM prediction_outcomes WHERE prediction_hour = '{NOON}'"],
        {"outcomes due"},
        f"--select prediction_outcomes --partition-range {hour_key(NOON + 24 * HOUR)}...",
    ),
    "outcomes of nothing": (
        [f"DELETE FROM predictions WHERE hour = '{NOON}'"],
        {"outcomes of predictions"},
        f"--select prediction_outcomes --partition-range {hour_key(NOON + 24 * HOUR)}...",
    ),
    "an hour twice": (
        [f"INSERT INTO market_snapshot SELECT * FROM market_snapshot WHERE hour = '{NOON}'"],
        {"table market_snapshot"},
        f"--select market_snapshot --partition-range {hour_key(NOON)}...{hour_key(NOON)}",
    ),
    "another column": (
        ["ALTER TABLE predictions ADD COLUMN mood VARCHAR"],
        {"table predictions"},
        "another MLREG_HOME",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "missed", "advice"), TABLES.values(), ids=TABLES)
def test_what_tables_lack_is_found_with_the_command_that_mends_it(home, findings, statements, missed, advice):
    _sql(home, *statements)
    before = content_of(home.folder)
    found = findings()
    assert _missed(found) == missed
    assert any(advice in found[name].advice for name in missed)
    assert content_of(home.folder) == before


def test_the_command_mends_it(home, live, findings):
    _sql(home, f"DELETE FROM market_snapshot WHERE hour = '{GONE}'")
    assert _missed(findings()) == {"hours of snapshots", "features of snapshots"}
    live.run_hours(jobs.MARKET, LIVE_HOURS[5:6])
    assert _missed(findings()) == set()


def test_hours_without_rows_are_none_where_the_market_closes(home, live):
    _sql(home, *TABLES["an hour without snapshot"][0], f"DELETE FROM predictions WHERE hour = '{GONE}'",
         f"DELETE FROM prediction_outcomes WHERE prediction_hour = '{GONE}'")  # fmt: skip
    closes = live.settings.override({"ingest": {"checks": {"allow_empty_hours": True}}})
    found = {finding.name: finding for finding in examine(home, closes, NOW)}
    assert found["hours of snapshots"].state == "ok"
    assert "1 hours are missing" in found["hours of snapshots"].seen


HOLD = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(60)"


def test_a_process_that_keeps_the_tables_is_named(home, findings):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, home.warehouse.path], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        lock = findings()["lock"]
        assert lock.state == "miss"
        assert f'"pid": {holder.pid}' in lock.seen
    finally:
        holder.kill()
        holder.wait()
    assert findings()["lock"].state == "ok"


def test_tables_that_were_cut_short(home, findings):
    os.truncate(home.warehouse.path, home.warehouse.path.stat().st_size // 2)
    found = findings()["tables"]
    assert found.state == "miss"
    assert "docs/runbook.md" in found.advice


def _damage_database(home):
    with home.registry_file.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 4096)


def _forge_alias(home):
    with closing(sqlite3.connect(home.registry_file)) as connection:
        connection.execute("DROP TRIGGER alias_events_no_update")
        connection.execute("UPDATE alias_events SET version = 'v9' WHERE sequence = 2")
        connection.commit()


def _other_bytes(home):
    path = home.folder / "artifacts" / "models" / "v1" / "manifest.json"
    path.write_text(path.read_text() + " ")


def _other_bytes_and_sums(home):
    """A person who changes a file can change its sums; the registry knows better."""
    shutil.rmtree(home.folder / "artifacts" / "models" / "v2")
    home.artifacts.freeze("models", "v2", {"manifest.json": b"{}"})


def _age(path):
    os.utime(path, (time.time() - 7200,) * 2)


def _leave_drafts(home):
    part = home.folder / "raw" / "coingecko" / "coins_markets" / "2026-01-01" / "00" / ".x.gz.part"
    part.parent.mkdir(parents=True)
    staging = home.folder / "artifacts" / ".staging"
    staging.mkdir()
    for path in (part, home.folder / "warehouse.new"):
        path.write_bytes(b"half")
    for path in (part, home.folder / "warehouse.new", staging):
        _age(path)
    (home.folder / "warehouse.compacted.new").write_bytes(b"a living process writes it")


def _land(home):
    return home.landing.land("coingecko", "coins_markets", START, b"[]", START)


def _cut_payload(home):
    path = _land(home)
    path.write_bytes(path.read_bytes()[:-4])


FILES = {
    "registry": (_damage_database, {"registry"}, "Restore it from a copy"),
    "alias": (_forge_alias, {"registry"}, "changed from outside"),
    "model": (_other_bytes, {"model bundles"}, "Restore it from a copy"),
    "model with sums": (_other_bytes_and_sums, {"model bundles"}, "Restore it from a copy"),
    "no model": (lambda home: shutil.rmtree(home.folder / "artifacts" / "models" / "v1"), {"model bundles"}, "train"),
    "no record": (
        lambda home: home.artifacts.freeze("models", "v9", {"a": b"1"}), {"unregistered bundles"}, "/models/v9"
    ),
    "no sums": (
        lambda home: (home.folder / "artifacts" / "eval_holdout" / "2026-01-04" / "SHA256SUMS").unlink(),
        {"datasets", "half datasets", "pairs of datasets"}, "/aside && mv ",
    ),
    "dataset": (
        lambda home: os.truncate(home.folder / "artifacts" / "training_dataset" / "2026-01-04" / "rows.parquet", 100),
        {"datasets"}, "copy",
    ),
    "half a pair": (
        lambda home: home.artifacts.freeze("training_dataset", "2026-01-05", {"rows.parquet": b"1"}),
        {"pairs of datasets"}, "--select eval_holdout --partition 2026-01-05",
    ),
    "drafts": (_leave_drafts, {"drafts"}, "mlreg prune"),
    "payload": (_cut_payload, {"payloads"}, "/aside && mv "),
    "payload of nowhere": (lambda home: _land(home).with_suffix(".json").unlink(), {"payloads"}, "/aside && mv "),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "missed", "advice"), FILES.values(), ids=FILES)
def test_what_is_wrong_with_files_is_found(home, findings, damage, missed, advice):
    damage(home)
    before = content_of(home.folder)
    found = findings()
    assert _missed(found) == missed
    assert any(advice in found[name].advice for name in missed)
    assert content_of(home.folder) == before


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
