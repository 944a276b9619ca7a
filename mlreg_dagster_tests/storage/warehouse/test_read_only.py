"""The warehouse of readers: the rows of the tables, those of then where the past is asked about, and no writing."""

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.read_only import ReadOnlyWarehouse, WarehouseReadOnly
from mlreg_dagster.storage.warehouse.tables import UTC, Table, column
from mlreg_dagster.storage.warehouse.warehouse import TableChanged

FIRST = as_hour("2026-01-01")
HOURS = hour_range(FIRST, FIRST + 5 * HOUR)
PRICES = Table(
    "prices",
    "A row per hour.",
    {"hour": column(UTC, "Which."), "price": column(float, "How much.", nullable=True), "word": column(str, "It.")},
    ("hour",),
)
OTHER = Table("others", "No rows yet.", dict(PRICES.columns), ("hour",))


@pytest.fixture
def home(tmp_path):
    rows = pd.DataFrame({"hour": HOURS, "price": range(6), "word": "a"}).astype({"price": float})
    DuckDBWarehouse(tmp_path / "warehouse.duckdb").write(PRICES, rows, HOURS)
    return tmp_path


def test_it_reads_what_the_graph_reads(home):
    own = DuckDBWarehouse(home / "warehouse.duckdb")
    with MirrorReader(home).tables() as tables:
        found = ReadOnlyWarehouse(tables)
        assert found.read(PRICES).equals(own.read(PRICES))
        asked = found.read(PRICES, HOURS[1], HOURS[3], columns=["price"])
        assert asked.equals(own.read(PRICES, HOURS[1], HOURS[3], columns=["price"]))
        assert found.newest(PRICES) == own.newest(PRICES) == HOURS[-1]
        assert list(found.partitions(PRICES, HOURS[2])) == list(HOURS[2:])
        assert list(found.hours("prices", HOURS[0], HOURS[1])) == list(HOURS[:2])


def test_of_then_nothing_later_shows(home):
    with MirrorReader(home).tables() as tables:
        found = ReadOnlyWarehouse(tables, HOURS[2] + HOUR / 2)
        assert found.newest(PRICES) == HOURS[2]
        assert list(found.query("SELECT price FROM prices ORDER BY price")["price"]) == [0, 1, 2]


def test_a_table_that_is_not_there_is_empty(home):
    with MirrorReader(home).tables() as tables:
        found = ReadOnlyWarehouse(tables)
        assert found.newest(OTHER) is None
        assert found.read(OTHER).empty
        assert found.query("SELECT * FROM others").empty
        assert list(found.hours("nowhere", HOURS[0], HOURS[1])) == []


def test_a_home_without_tables_is_empty(tmp_path):
    with MirrorReader(tmp_path).tables() as tables:
        assert ReadOnlyWarehouse(tables, HOURS[0]).read(PRICES).empty


def test_other_columns_than_those_that_are_asked_for_are_named(home):
    changed = Table("prices", "", {"hour": column(UTC, "Which."), "price": column(int, "How much.")}, ("hour",))
    with MirrorReader(home).tables() as tables, pytest.raises(TableChanged, match="price, word"):
        ReadOnlyWarehouse(tables).read(changed)


def test_it_does_not_write(home):
    with MirrorReader(home).tables() as tables, pytest.raises(WarehouseReadOnly, match="for reading alone"):
        ReadOnlyWarehouse(tables).write(PRICES, pd.DataFrame(), [])
