"""The file gets smaller and holds the same; killed at any moment, it is there, whole."""

import os
import random
import shutil
import subprocess
import sys
import time

import duckdb
import pytest

from mlreg_dagster.operations.retention import compaction
from mlreg_dagster.operations.retention.compaction import CompactionFailed, compact, free_share
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.faults.home import HOURS, noisy
from mlreg_dagster_tests.operations.conftest import content_of
from mlreg_dagster_tests.storage.warehouse.sample_table import READINGS

KILLS = int(os.environ.get("MLREG_KILLS", "3"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Ten hours of a hundred are left."""
    warehouse = DuckDBWarehouse(tmp_path_factory.mktemp("compaction") / "warehouse.duckdb")
    warehouse.write(READINGS, noisy(HOURS, names=4000), HOURS)
    warehouse.write(READINGS, READINGS.empty(), HOURS[10:])
    return warehouse.path


@pytest.fixture
def warehouse(made, tmp_path):
    home = shutil.copytree(made.parent, tmp_path / "it's a home")
    return DuckDBWarehouse(home / made.name, lock_timeout_s=300)


def test_it_shrinks_and_holds_the_same(warehouse):
    rows, size = warehouse.read(READINGS), warehouse.path.stat().st_size
    assert len(rows) == 40_000
    assert free_share(warehouse) > 0.5
    gained = compact(warehouse)
    assert gained == size - warehouse.path.stat().st_size > size / 2
    assert warehouse.read(READINGS).equals(rows)
    assert free_share(warehouse) < 0.2
    warehouse.write(READINGS, noisy(HOURS[20:21], names=3), HOURS[20:21])  # columns and their rules are as they were
    assert len(warehouse.read(READINGS)) == 40_003
    assert {path.name for path in warehouse.path.parent.iterdir()} == {
        "mirror", "warehouse.duckdb", "warehouse.lock", "warehouse.lock.json", "warehouse.turn"
    }  # fmt: skip


def test_what_a_killed_process_left_in_the_log_is_taken_along(warehouse):
    program = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute(\"SET TimeZone = 'UTC'\"); "
        "c.execute('UPDATE readings SET price = 7'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, warehouse.path])
    assert warehouse.path.with_suffix(".duckdb.wal").exists()
    compact(warehouse)
    assert set(warehouse.read(READINGS)["price"]) == {7.0}


def test_a_copy_that_differs_does_not_take_its_place(warehouse, monkeypatch):
    class Lossy:
        def __init__(self, connection):
            self.connection = connection

        def execute(self, sql, *parameters):
            answer = self.connection.execute(sql, *parameters)
            if sql.startswith("COPY FROM"):
                self.connection.execute("DELETE FROM compacted.readings WHERE price < 1.5")
            return answer

    rows, copy = warehouse.read(READINGS), compaction._copy
    monkeypatch.setattr(compaction, "_copy", lambda connection, draft: copy(Lossy(connection), draft))
    before = content_of(warehouse.path.parent)
    with pytest.raises(CompactionFailed, match="The copy of readings differs"):
        compact(warehouse)
    assert warehouse.read(READINGS).equals(rows)
    assert content_of(warehouse.path.parent).keys() == before.keys()


COMPACT = """
import sys
from mlreg_dagster.operations.retention.compaction import compact
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
print("begins", flush=True)
while True:
    compact(DuckDBWarehouse(sys.argv[1], lock_timeout_s=300))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_at_any_moment_the_file_is_whole(warehouse):
    rows, chance = warehouse.read(READINGS), random.Random()
    left_behind = 0
    for _ in range(KILLS):
        process = subprocess.Popen([sys.executable, "-c", COMPACT, warehouse.path], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "begins\n"
        time.sleep(moment := chance.uniform(0, 0.3))
        process.kill()
        process.communicate()  # which also closes its pipe
        left_behind += any(warehouse.path.parent.glob("*.new*"))
        with duckdb.connect(str(warehouse.path), read_only=True) as connection:
            assert connection.execute("SELECT count(*) FROM readings").fetchall() == [(40_000,)], moment
        assert warehouse.read(READINGS).equals(rows), moment
    compact(warehouse)
    assert not list(warehouse.path.parent.glob("*.new*"))
    print(f"killed {KILLS} times; a draft was left {left_behind} times")


def test_others_wait_and_find_the_new_file(warehouse):
    """A reader that polls all the while sees every row in every look."""
    program = COMPACT.replace("while True", "for _ in range(2)")
    process = subprocess.Popen([sys.executable, "-c", program, warehouse.path], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        assert len(warehouse.read(READINGS)) == 40_000
    assert process.returncode == 0
    assert len(warehouse.read(READINGS)) == 40_000


def test_a_full_disk_leaves_it_as_it_was(warehouse, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    rows = warehouse.read(READINGS)
    monkeypatch.setattr(compaction.os, "fsync", full)
    with pytest.raises(Exception, match="the disk is full"):
        compact(warehouse)
    assert warehouse.read(READINGS).equals(rows)
    assert not list(warehouse.path.parent.glob("*.new*"))
