"""What status and the asset check read of model_worth."""

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster.orchestration.resources import WarehouseResource
from mlreg_dagster.outcomes.worth.checks import build_worth_check
from mlreg_dagster.outcomes.worth.newest import newest_worth
from mlreg_dagster.outcomes.worth.schema import MODEL_WORTH
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.reader import WarehouseReader
from mlreg_dagster_tests.outcomes.worth.days import DAYS, counted_in, days_from, market


@pytest.fixture(scope="module")
def rows():
    return counted_in([days_from(1, DAYS)], market())


def stored(folder, rows):
    tables = DuckDBWarehouse(folder / "warehouse.duckdb")
    tables.write(MODEL_WORTH, rows, pd.DatetimeIndex(rows["day"].unique()))
    return tables


def test_the_newest_verdict_on_each_version_against_its_best_ranking(tmp_path, rows):
    tables = stored(tmp_path, rows)
    with WarehouseReader(tables.path).tables() as reader:
        found = newest_worth(reader)
    assert [row["model_version"] for row in found] == ["champion", "v1", "v2"]
    expected = rows[(rows["day"] == rows["day"].max()) & rows["is_best"]].set_index("model_version")
    for row in found:
        assert row["as_of"] == f"{rows['day'].max():%Y-%m-%d}"
        assert row["sentence"] == expected.loc[row["model_version"], "sentence"]
        assert row["precision_difference"] == expected.loc[row["model_version"], "precision_difference"]


def test_without_a_table_there_is_no_verdict(tmp_path):
    with WarehouseReader(tmp_path / "warehouse.duckdb").tables() as reader:
        assert newest_worth(reader) == []


@pytest.mark.parametrize(
    ("worth", "passed", "severity"),
    [("better", True, "WARN"), ("not worse", True, "WARN"), ("unknown", False, "WARN"), ("worse", False, "ERROR")],
)
def test_the_check_is_green_only_where_outcomes_say_so(tmp_path, rows, worth, passed, severity):
    stored(tmp_path, rows.assign(worth=rows["worth"].where(rows["worth"].isna(), worth)))
    result = build_worth_check()(mlreg_warehouse=WarehouseResource(database=str(tmp_path / "warehouse.duckdb")))
    assert (result.passed, result.severity.value) == (passed, severity)
    assert "flags hit a crash" in result.description


def test_before_anything_matured_the_check_warns(tmp_path, rows):
    stored(tmp_path, rows[rows["model_version"] != "champion"])
    result = build_worth_check()(mlreg_warehouse=WarehouseResource(database=str(tmp_path / "warehouse.duckdb")))
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert result.description.startswith("Not known")
