"""The operations of a home whose tables are in a lake."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from mlreg_dagster.client import Client
from mlreg_dagster.config.places import TABLES, branch_file, own_registry_url, warehouse_file
from mlreg_dagster.operations.backup.creation import create
from mlreg_dagster.operations.branches.tables import table_states
from mlreg_dagster.operations.doctor.lake import lake_is_sound
from mlreg_dagster.operations.home_copy import copy_home
from mlreg_dagster.operations.move_tables import NotMoved, move_tables
from mlreg_dagster.operations.retention.lake import lake_tasks
from mlreg_dagster.operations.retention.tasks import empty
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.lake import upkeep
from mlreg_dagster.storage.warehouse.opening import lake_of, open_tables, open_warehouse
from mlreg_dagster.storage.warehouse.reader import NotKept
from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse
from mlreg_dagster_tests.postgres import postgres_server
from mlreg_dagster_tests.registry.builders import register
from mlreg_dagster_tests.storage.warehouse.lakes import lake_url
from mlreg_dagster_tests.storage.warehouse.sample_table import DAY, READINGS, assert_stored, rows

__all__ = ["postgres_server"]

pytestmark = pytest.mark.slow  # each asks a server, and opens lakes

_DAY = pd.Timedelta(days=1)

_KILLED_WHILE_IT_MERGES = """
import os, signal
from mlreg_dagster.storage.warehouse.lake import open_lake
lake = open_lake(os.environ["MLREG_TABLES"], 60.0)
with lake.session(), lake.writing("readings"), lake.connect() as connection:
    connection.begin()
    connection.execute("CALL ducklake_merge_adjacent_files('lake', 'readings')")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _now() -> pd.Timestamp:
    return pd.Timestamp.now(tz="UTC")


@pytest.fixture
def home(own_home: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home with a registry, whose tables are in a lake of its own that is not made yet."""
    own_home.mkdir()
    register(Registry(own_registry_url(own_home)), "v1")
    monkeypatch.setenv(TABLES, lake_url(postgres_server, tmp_path / "lake"))
    return own_home


@pytest.fixture
def tables(home: Path) -> Iterator[SqlWarehouse]:
    """Four hours of a day and two of the next, stored one hour a write."""
    opened = open_warehouse(home)
    for hour in (*DAY[:4], *(hour + _DAY for hour in DAY[:2])):
        opened.write(READINGS, rows([hour]), [hour])
    return opened


def _files(tables: SqlWarehouse) -> upkeep.TableFiles:
    with tables.look() as connection:
        (found,) = upkeep.table_files(connection)
    return found


def _parquet_files(tmp_path: Path) -> set[Path]:
    return set((tmp_path / "lake").rglob("*.parquet"))


class TestPrune:
    def test_files_become_few_and_answers_stay(self, tables, tmp_path):
        before, lake = tables.read(READINGS), lake_of(tables)
        assert _files(tables).files == 6
        (merging,) = lake_tasks(lake, 30, _now())
        assert merging.name == "files of readings"
        merging.do()
        assert _files(tables).files <= 2  # days
        assert_stored(tables.read(READINGS), before)
        assert list(lake_tasks(lake, 30, _now())) == []
        assert len(_parquet_files(tmp_path)) == 7  # readers may still need the small ones

        (unused,) = lake_tasks(lake, 30, _now() + 2 * _DAY)
        unused.do()
        assert len(_parquet_files(tmp_path)) == _files(tables).files
        assert_stored(tables.read(READINGS), before)

    def test_a_process_that_is_killed_while_it_merges_loses_nothing(self, tables, tmp_path):
        before, lake = tables.read(READINGS), lake_of(tables)
        killed = subprocess.run([sys.executable, "-c", _KILLED_WHILE_IT_MERGES], check=False, timeout=60)
        assert killed.returncode == -signal.SIGKILL
        assert len(_parquet_files(tmp_path)) == 7  # what it had written is there, and the catalog does not name it
        assert_stored(tables.read(READINGS), before)
        upkeep.merge(lake, "readings")
        upkeep.remove(lake, datetime.now(UTC) + timedelta(days=2))
        assert (len(_parquet_files(tmp_path)), _files(tables).files) == (1, 1)
        assert_stored(tables.read(READINGS), before)

    def test_a_repaired_hour_in_a_merged_file_leaves_one_file_again(self, tables):
        lake = lake_of(tables)
        upkeep.merge(lake, "readings")
        tables.write(READINGS, rows(DAY[:1], price=9.0), DAY[:1])
        before = tables.read(READINGS)
        upkeep.merge(lake, "readings")
        assert (_files(tables).files, _files(tables).is_due) == (1, False)
        assert_stored(tables.read(READINGS), before)

    def test_what_a_writer_under_way_has_written_stays_and_what_a_dead_one_left_goes(self, tables, tmp_path):
        (folder,) = {path.parent for path in _parquet_files(tmp_path)}
        young, old = (folder / f"ducklake-{name}.parquet" for name in ("young", "old"))
        for path in (young, old):
            path.write_bytes(b"half")
        yesterday = (_now() - 2 * _DAY).timestamp()
        os.utime(old, (yesterday, yesterday))
        upkeep.remove(lake_of(tables), datetime.now(UTC))
        assert young.exists()
        assert not old.exists()
        assert len(tables.read(READINGS)) == 18

    def test_rows_that_the_policy_does_not_keep_go(self, tables):
        empty(_Home(tables), READINGS, pd.DatetimeIndex(DAY[:4]), 3)
        assert tables.partitions(READINGS).tolist() == [DAY[0] + _DAY, DAY[1] + _DAY]

    def test_snapshots_go_by_age_and_the_one_that_says_what_was_then_stays(self, tables, home):
        lake = lake_of(tables)
        middle = datetime.now(UTC)
        for price in (2.0, 3.0):
            tables.write(READINGS, rows(DAY[:1], price=price), DAY[:1])
        upkeep.expire(lake, middle)
        assert Client(home).table("readings", at=middle)["price"].unique().tolist() == [1.0]
        with tables.look() as connection:
            number, oldest = upkeep.snapshots(connection)
        assert (number, oldest <= middle) == (3, True)
        with pytest.raises(NotKept, match=f"oldest time that can be asked for is {oldest.year}"):
            Client(home).table("readings", at=oldest - timedelta(seconds=1))


class TestAt:
    def test_before_a_repair_the_old_rows_are_there(self, tables, home):
        client, then = Client(home), datetime.now(UTC)
        tables.write(READINGS, rows(DAY[:1], price=9.0), DAY[:1])
        upkeep.merge(lake_of(tables), "readings")
        assert client.table("readings", DAY[0], DAY[0], at=then)["price"].tolist() == [1.0] * 3
        assert client.table("readings", DAY[0], DAY[0], at=datetime.now(UTC))["price"].tolist() == [9.0] * 3

    def test_a_file_keeps_no_past_and_says_so(self, own_home):
        DuckDBWarehouse(warehouse_file(own_home)).write(READINGS, rows(DAY[:1]), DAY[:1])
        assert len(Client(own_home).table("readings")) == 3
        with pytest.raises(NotKept, match="only a lake does"):
            Client(own_home).table("readings", at=DAY[0])


class TestDoctor:
    def test_a_sound_lake(self, tables):
        with tables.guard.writing("readings"):
            found = {each.name: each for each in lake_is_sound(_Home(tables), _now())}
        assert {each.state for each in found.values()} == {"ok", "waiting"}
        assert "readings: " in found["lock"].seen
        assert "6 files" in found["files of readings"].seen
        assert "All 6 that the catalog names" in found["files of the lake"].seen

    def test_a_file_that_is_missing_is_named(self, tables, tmp_path):
        lost = sorted(_parquet_files(tmp_path))[0]
        lost.unlink()
        found = {each.name: each for each in lake_is_sound(_Home(tables), _now())}
        assert found["files of the lake"].state == "miss"
        assert str(lost) in found["files of the lake"].seen

    def test_a_lake_that_does_not_answer_is_one_finding(self, home, monkeypatch, tmp_path):
        monkeypatch.setenv(TABLES, f"ducklake:postgresql://nobody:hidden@127.0.0.1:1/none#{tmp_path}/lake")
        (found,) = lake_is_sound(_Home(open_warehouse(home)), _now())
        assert (found.name, found.state) == ("lake", "miss")
        assert "hidden" not in found.seen


class _Home:
    def __init__(self, warehouse: SqlWarehouse) -> None:
        self.warehouse = warehouse


class TestCopies:
    def test_a_copy_of_the_home_has_the_tables_and_their_mirror_in_files(self, tables, home, tmp_path, monkeypatch):
        copy_home(home, tmp_path / "copy")
        expected = tables.read(READINGS)
        monkeypatch.delenv(TABLES)
        assert_stored(open_warehouse(tmp_path / "copy").read(READINGS), expected)
        with MirrorReader(tmp_path / "copy").tables() as mirrored:
            assert mirrored.rows("SELECT count(*) FROM readings") == [(18,)]

    @pytest.mark.usefixtures("tables")
    def test_a_backup_counts_what_it_took(self, home, tmp_path):
        _, manifest = create(home, tmp_path / "backups")
        assert manifest.tables["readings"].rows == 18

    def test_a_lake_without_tables_is_no_old_file(self, home, tmp_path):
        DuckDBWarehouse(warehouse_file(home)).write(READINGS, rows(DAY[:2]), DAY[:2])
        copy_home(home, tmp_path / "copy")
        assert not warehouse_file(tmp_path / "copy").exists()

    def test_states_of_a_branch_are_of_its_file_and_those_of_production_of_the_lake(self, tables, home, tmp_path):
        branch = tmp_path / "branch"
        copy_home(home, branch)
        branch_file(branch).write_text("{}")
        tables.write(READINGS, rows([DAY[6]]), [DAY[6]])
        for folder, hours in ((branch, 6), (home, 7)):
            with open_tables(folder) as opened:
                assert table_states(opened)["readings"].hours == hours


class TestMove:
    @pytest.fixture
    def old(self, home: Path) -> DuckDBWarehouse:
        """Tables in the home's own file."""
        old = DuckDBWarehouse(warehouse_file(home))
        old.write(READINGS, rows(DAY), DAY)
        return old

    def test_all_rows_are_in_the_lake_and_the_file_is_aside(self, home, old):
        expected = old.read(READINGS)
        done = move_tables(home)
        assert (done.rows, done.kept.name) == ({"readings": 72}, "warehouse.duckdb.moved")
        assert_stored(open_warehouse(home).read(READINGS), expected)
        assert not warehouse_file(home).exists()
        assert not (home / "mirror").exists()

    @pytest.mark.usefixtures("old")
    def test_a_move_that_was_killed_after_the_copy_goes_on(self, home, monkeypatch):
        replace = Path.replace
        monkeypatch.setattr(Path, "replace", _killed)
        with pytest.raises(KeyboardInterrupt):
            move_tables(home)
        monkeypatch.setattr(Path, "replace", replace)
        assert move_tables(home).rows == {"readings": 72}
        assert len(open_warehouse(home).read(READINGS)) == 72

    def test_a_lake_that_holds_other_rows_is_refused(self, home, old):
        open_warehouse(home).write(READINGS, rows(DAY[:1]), DAY[:1])
        with pytest.raises(NotMoved, match="holds tables already"):
            move_tables(home)
        assert len(old.read(READINGS)) == 72
        assert len(open_warehouse(home).read(READINGS)) == 3


def _killed(*_):
    raise KeyboardInterrupt
