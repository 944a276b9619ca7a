"""Reading the tables from outside the graph: what is there is read, nothing is made, and writers are waited for."""

import os
import shutil
import threading
from pathlib import Path

import duckdb
import pytest

from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.guarded_file import WarehouseBusy
from mlreg_dagster.storage.warehouse.reader import UnknownColumns, WarehouseReader
from mlreg_dagster_tests.storage.warehouse.sample_table import DAY, READINGS, rows
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

COUNT = "SELECT count(*) FROM readings"


@pytest.fixture
def warehouse(tmp_path):
    return DuckDBWarehouse(tmp_path / "home" / "tables.duckdb")


def count(reader: WarehouseReader) -> int:
    with reader.tables() as tables:
        return tables.rows(COUNT)[0][0] if tables.has("readings", ["hour", "name"]) else 0


def test_a_home_that_is_not_there_has_no_tables_and_gets_none(tmp_path):
    assert count(WarehouseReader(tmp_path / "home" / "tables.duckdb")) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_is_read_also_as_a_frame(warehouse):
    warehouse.write(READINGS, rows(DAY), DAY)
    reader = WarehouseReader(warehouse.path)
    assert count(reader) == 72
    with reader.tables() as tables:
        assert not tables.has("others", ["hour"])
        found = tables.frame("SELECT * FROM readings WHERE hour >= $first", {"first": DAY[-1]})
    assert list(found["name"]) == ["i0", "i1", "i2"]
    assert str(found["hour"].dtype) == "datetime64[us, UTC]"


def test_nothing_is_made_beside_tables_without_locks(warehouse):
    warehouse.write(READINGS, rows(DAY), DAY)
    for file in warehouse.file.lock.files:
        file.unlink(missing_ok=True)
    before = sorted(path.name for path in warehouse.path.parent.iterdir())
    assert count(WarehouseReader(warehouse.path)) == 72
    assert sorted(path.name for path in warehouse.path.parent.iterdir()) == before


def test_it_can_not_write(warehouse):
    warehouse.write(READINGS, rows(DAY), DAY)
    with WarehouseReader(warehouse.path).tables() as tables, pytest.raises(duckdb.InvalidInputException):
        tables.rows("DELETE FROM readings")
    assert len(warehouse.read(READINGS)) == 72


def test_a_table_of_another_shape_is_refused_in_words(warehouse):
    warehouse.write(READINGS, rows(DAY), DAY)
    with (
        WarehouseReader(warehouse.path).tables() as tables,
        pytest.raises(UnknownColumns, match=r"readings in .* lacks the columns colour, weight: another release"),
    ):
        tables.has("readings", ["hour", "weight", "colour"])


def test_a_writer_that_stays_open_gives_a_reader_its_turn(warehouse):
    warehouse.write(READINGS, rows(DAY[:2]), DAY[:2])
    staying, found = DuckDBWarehouse(warehouse.path, stay_open=True), []
    reader = WarehouseReader(warehouse.path, lock_timeout_s=PATIENCE_S)
    waiting = threading.Thread(target=lambda: found.append(count(reader)))
    with staying.session() as tables:
        tables.write(READINGS, rows(DAY), DAY)
        waiting.start()
        wait_for(staying.file.lock.is_waited_for)
    waiting.join(PATIENCE_S)
    assert found == [72]


def test_a_writer_waits_for_a_reader_and_a_reader_no_longer_than_it_is_told(warehouse):
    warehouse.write(READINGS, rows(DAY[:2]), DAY[:2])
    with WarehouseReader(warehouse.path).tables() as tables:
        with pytest.raises(WarehouseBusy):
            DuckDBWarehouse(warehouse.path, lock_timeout_s=0.2).write(READINGS, rows(DAY), DAY)
        assert tables.rows(COUNT) == [(6,)]
    with warehouse.session(), pytest.raises(WarehouseBusy):
        count(WarehouseReader(warehouse.path, lock_timeout_s=0.2))


def test_a_folder_that_may_not_be_written_can_be_read(warehouse, monkeypatch):
    warehouse.write(READINGS, rows(DAY), DAY)
    for left in warehouse.path.parent.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        elif left != warehouse.path:
            left.unlink()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != warehouse.path.parent and real(path, mode))
    assert count(WarehouseReader(warehouse.path)) == 72
    assert list(warehouse.path.parent.iterdir()) == [warehouse.path]
