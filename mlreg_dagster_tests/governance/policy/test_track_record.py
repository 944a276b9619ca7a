"""What the tables say of a version that asks for an alias."""

import pandas as pd
import pytest

from mlreg_dagster.governance.policy.track_record import worth_found
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth.schema import MODEL_WORTH
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.outcomes.worth.days import DAY, DAYS, FIRST, SETTINGS, counted_in, days_from, market

END = FIRST + (DAYS + 1) * DAY


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    tables = DuckDBWarehouse(tmp_path_factory.mktemp("home") / "warehouse.duckdb")
    outcomes, days = market(), days_from(1, DAYS)
    rows = counted_in([days], outcomes)
    tables.write(PREDICTION_OUTCOMES, outcomes, pd.DatetimeIndex(outcomes["hour"].unique()))
    tables.write(MODEL_WORTH, rows, days)
    return tables


def test_a_version_is_held_against_the_best_ranking_and_the_champion(tables):
    ranking, champion = worth_found(tables, "v2", "v1", END, SETTINGS)
    assert (ranking.opponent, ranking.verdict) == ("ranking:fall", "better")
    assert "v2's flags hit a crash in" in ranking.detail
    assert champion.opponent == "the champion (v1)"
    assert "2 complete weeks" in champion.detail
    assert len(worth_found(tables, "v2", None, END, SETTINGS)) == 1


def test_outcomes_that_fell_due_later_do_not_count(tables):
    early = worth_found(tables, "v2", None, FIRST + 9 * DAY, SETTINGS)
    assert early[0].verdict == "unknown"
    assert worth_found(tables, "v2", None, FIRST, SETTINGS) == ()


def test_a_version_without_outcomes_has_no_worth(tables, tmp_path):
    assert worth_found(tables, "v9", "v1", END, SETTINGS) == ()
    assert worth_found(DuckDBWarehouse(tmp_path / "empty.duckdb"), "v2", None, END, SETTINGS) == ()
