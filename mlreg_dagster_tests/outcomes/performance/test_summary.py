"""The summary that the database counts against the one that is measured in memory."""

import math

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.market.names import CRASH, NO_CRASH, UNRESOLVED
from mlreg_dagster.outcomes.performance.metrics import summary
from mlreg_dagster.outcomes.performance.summary import summarize, summarize_lead_times
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth.lead_time import lead_time_of
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.reader import WarehouseReader
from mlreg_dagster_tests.outcomes.frames import at, outcomes_of

SETTINGS = OutcomeSettings(bootstrap_samples=100)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.integers(0, 5),
            "instrument_id": st.sampled_from(["coin", "token", "stock"]),
            "model_version": st.sampled_from(["v1", "v2", "v10"]),
            "is_anomaly": st.booleans(),
            "in_sample": st.booleans(),
            "outcome": st.sampled_from([CRASH, NO_CRASH, UNRESOLVED]),
        }
    ),
    max_size=60,
    unique_by=lambda row: (row["at"], row["instrument_id"], row["model_version"]),
)


def counted(path):
    with WarehouseReader(path).tables() as tables:
        return summarize(tables, SETTINGS)


@given(ROWS)
def test_it_is_the_summary_of_the_rows_to_the_last_bit(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("tables") / "tables.duckdb"
    outcomes = outcomes_of(
        {
            **row,
            "score": 2.0 if row["is_anomaly"] else 0.5,
            "outcome_price": None if row["outcome"] == UNRESOLVED else 1.0,
        }
        for row in rows
    )
    DuckDBWarehouse(path).write(PREDICTION_OUTCOMES, outcomes, outcomes["hour"].unique())
    expected = summary(outcomes, SETTINGS)
    assert_same(counted(path), expected)


def test_on_the_outcomes_of_a_home_it_is_the_same(live):
    assert_same(counted(live.warehouse.path), summary(live.warehouse.read(PREDICTION_OUTCOMES), SETTINGS), least=1)


@given(ROWS, st.randoms(use_true_random=False))
def test_lead_times_are_those_of_the_rows(tmp_path_factory, rows, random):
    path = tmp_path_factory.mktemp("tables") / "tables.duckdb"
    outcomes = outcomes_of(
        {
            **row,
            "at": 17 * row["at"],  # gaps of less than a day, and of more
            "score": 2.0 if row["is_anomaly"] else 0.5,
            "outcome_price": None if row["outcome"] == UNRESOLVED else 1.0,
            "crossed_at": at(17 * row["at"] - random.randint(0, 23)) if random.random() < 0.8 else None,
        }
        for row in rows
    )
    DuckDBWarehouse(path).write(PREDICTION_OUTCOMES, outcomes, outcomes["hour"].unique())
    with WarehouseReader(path).tables() as tables:
        found = {row.pop("model_version"): row for row in summarize_lead_times(tables)}
    expected = {each: vars(lead_time_of(outcomes, each, SETTINGS)) for each in outcomes["model_version"].unique()}
    assert set(found) == {version for version, each in expected.items() if each["episodes"]}
    for version, row in found.items():
        assert row == {name: pytest.approx(expected[version][name]) for name in row}


def test_a_table_without_crossings_tells_no_lead_time(tmp_path):
    path = tmp_path / "tables.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE {PREDICTION_OUTCOMES.name} (model_version TEXT, outcome TEXT)")
    with WarehouseReader(path).tables() as tables:
        assert summarize_lead_times(tables) == []


def assert_same(found, expected, least=0):
    assert len(expected) >= least
    assert [list(row) for row in found] == [list(expected.columns)] * len(expected)
    for row, wanted in zip(found, expected.to_dict("records"), strict=True):
        for name, value in wanted.items():
            missing = isinstance(value, float) and math.isnan(value)
            assert math.isnan(row[name]) if missing else row[name] == value, name


def test_before_any_outcome_there_is_none(tmp_path):
    assert counted(tmp_path / "tables.duckdb") == []
    assert not (tmp_path / "tables.duckdb").exists()
