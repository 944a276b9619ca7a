"""The tables in one DuckDB file: what DuckDB refuses by itself."""

from dataclasses import replace

import duckdb
import pandas as pd
import pytest

from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.tables import column
from mlreg_dagster_tests.storage.warehouse.sample_table import DAY, READINGS, assert_stored, rows


def test_a_write_that_the_database_refuses_leaves_the_old_partition(warehouse):
    warehouse.write(READINGS, rows(DAY[:1], names=1), DAY[:1])
    with warehouse.connect() as connection:
        connection.execute("CREATE UNIQUE INDEX one_of_each ON readings (label)")
    with pytest.raises(duckdb.ConstraintException):
        warehouse.write(READINGS, rows(DAY[:2], names=2), DAY[:2])
    assert_stored(warehouse.read(READINGS), rows(DAY[:1], names=1))


def test_a_write_that_the_database_refuses_within_a_session_takes_nothing_with_it(warehouse):
    with warehouse.session() as tables:
        tables.write(READINGS, rows(DAY[:1], names=1), DAY[:1])
        with tables.connect() as connection:
            connection.execute("CREATE UNIQUE INDEX one_of_each ON readings (label)")
        with pytest.raises(duckdb.ConstraintException):
            tables.write(READINGS, rows(DAY[:2], names=2), DAY[:2])
        assert_stored(tables.read(READINGS), rows(DAY[:1], names=1))
        with tables.connect() as connection:
            connection.execute("DROP INDEX one_of_each")
        tables.write(READINGS, rows(DAY[1:2], names=2), DAY[1:2])
    assert_stored(warehouse.read(READINGS), pd.concat([rows(DAY[:1], names=1), rows(DAY[1:2], names=2)]))


def test_what_another_process_did_to_a_table_meanwhile_is_noticed(warehouse):
    warehouse.write(READINGS, rows(DAY), DAY)
    with DuckDBWarehouse(warehouse.path).connect() as connection:
        connection.execute("DROP TABLE readings")
    assert warehouse.read(READINGS).empty


def test_a_write_that_breaks_off_leaves_no_column_and_no_row(warehouse):
    """A rule that the file holds and we don't know breaks the write after the columns were added."""
    with warehouse.connect() as connection:
        connection.execute(READINGS.ddl().removesuffix(")") + ', CHECK ("price" < 5))')
    warehouse.write(READINGS, rows(DAY), DAY)
    grown = replace(READINGS, columns=READINGS.columns | {"depth": column(float, "Gained.", nullable=True)})
    for price, hours in ((9.0, DAY[:2]), (9.0, DAY[:1])):
        with pytest.raises(duckdb.ConstraintException):
            warehouse.write(grown, rows(hours, price=price).assign(depth=0.5), hours)
        assert_stored(warehouse.read(READINGS), rows(DAY))
    warehouse.write(grown, rows(DAY[:1], price=2.0).assign(depth=0.5), DAY[:1])
    assert warehouse.read(grown)["depth"].notna().tolist() == [True] * 3 + [False] * 69
