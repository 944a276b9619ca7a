"""Readers outside of the graph, on a home and on a lake."""

from datetime import UTC, timedelta
from pathlib import Path

import pytest

from mlreg_dagster.config.places import TABLES
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader
from mlreg_dagster.storage.warehouse.for_readers import open_for_readers
from mlreg_dagster.storage.warehouse.opening import open_warehouse
from mlreg_dagster.storage.warehouse.read_only import ReadOnlyWarehouse
from mlreg_dagster_tests.storage.warehouse.lakes import lake_url
from mlreg_dagster_tests.storage.warehouse.sample_table import DAY, READINGS, rows


def test_a_home_of_its_own_is_read_by_its_mirror(tmp_path: Path) -> None:
    assert isinstance(open_for_readers(tmp_path), MirrorReader)


@pytest.mark.slow
def test_a_lake_is_read_itself(postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TABLES, lake_url(postgres_server, tmp_path / "tables"))
    home = tmp_path / "home"
    reader, tables = open_for_readers(home), open_warehouse(home)
    assert (reader.newest(), reader.age(), reader.behind()) == (None, None, {})
    with reader.tables() as found:
        assert found.columns(READINGS.name) == []

    tables.write(READINGS, rows(DAY), DAY)
    first = reader.newest(READINGS.name)
    assert first is not None
    assert first.tzinfo is UTC
    assert reader.newest() == first
    assert reader.newest("another") is None
    assert reader.age(now=first + timedelta(hours=1)) == timedelta(hours=1)
    with reader.tables() as found, tables.guard.writing(READINGS.name):  # whose writer is at work
        before = len(ReadOnlyWarehouse(found).read(READINGS))
        tables.write(READINGS, rows(DAY[:1]), DAY)
        assert len(ReadOnlyWarehouse(found).read(READINGS)) == before == len(rows(DAY))
        until = DAY[0].to_pydatetime()
        assert list(ReadOnlyWarehouse(found, until).partitions(READINGS)) == [DAY[0]]
    with reader.tables() as found:
        assert len(ReadOnlyWarehouse(found).read(READINGS)) == len(rows(DAY[:1]))
    assert reader.newest(READINGS.name) > first

    tables.write(READINGS, READINGS.empty(), DAY)
    emptied = reader.newest(READINGS.name)
    assert emptied == reader.newest()
    assert not home.exists()


@pytest.mark.slow
def test_a_table_of_a_lake_that_was_asked_about_is_there(
    postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TABLES, lake_url(postgres_server, tmp_path / "tables"))
    tables = open_warehouse(tmp_path / "home")
    assert tables.newest(READINGS) is None
    assert tables.query(f"SELECT count(*) AS rows FROM {READINGS.name}")["rows"].tolist() == [0]
