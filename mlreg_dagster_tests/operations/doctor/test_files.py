"""What is wrong with files is found."""

import os
import shutil
import sqlite3
import time
from contextlib import closing

import pytest

from mlreg_dagster_tests.lifecycle import START
from mlreg_dagster_tests.operations.conftest import content_of
from mlreg_dagster_tests.operations.doctor.damage import misses


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
    assert misses(found) == missed
    assert any(advice in found[name].advice for name in missed)
    assert content_of(home.folder) == before
