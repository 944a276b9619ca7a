"""What tables lack is found, and the command that is told fixes it."""

import pytest

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, hour_key
from mlreg_dagster.operations.doctor.doctor import examine
from mlreg_dagster_tests.lifecycle import LIVE, LIVE_HOURS, NOON
from mlreg_dagster_tests.operations.conftest import NOW, content_of
from mlreg_dagster_tests.operations.doctor.damage import misses, sql

GONE = LIVE + 5 * HOUR
TABLES = {
    "an hour without snapshot": (
        [f"DELETE FROM {table} WHERE hour = '{GONE}'" for table in ("market_snapshot", "market_features")],
        {"hours of snapshots", "predictions of features"},
        f"--select market_snapshot,market_features --partition-range {hour_key(GONE)}...{hour_key(GONE)}",
    ),
    "hours without features": (
        [f"DELETE FROM market_features WHERE hour IN ('{GONE}', '{GONE + HOUR}')"],
        {"hours of features", "predictions of features"},
        f"--select market_features --partition-range {hour_key(GONE)}...{hour_key(GONE + HOUR)}",
    ),
    "a lost row of features": (
        [f"DELETE FROM market_features WHERE hour = '{NOON}' AND instrument_id IN "
         f"(SELECT min(instrument_id) FROM predictions WHERE hour = '{NOON}')"],
        {"predictions of features"},
        f"--select market_features,predictions --partition-range {hour_key(NOON)}...{hour_key(NOON)}",
    ),
    "predictions due without outcome": (
        [f"DELETE FROM prediction_outcomes WHERE prediction_hour = '{NOON}'"],
        {"outcomes due"},
        f"--select prediction_outcomes --partition-range {hour_key(NOON + 24 * HOUR)}...",
    ),
    "outcomes of nothing": (
        [f"DELETE FROM predictions WHERE hour = '{NOON}'"],
        {"outcomes of predictions", "reasons of predictions"},
        f"--select prediction_outcomes --partition-range {hour_key(NOON + 24 * HOUR)}...",
    ),
    "reasons of nothing": (
        [f"UPDATE prediction_reasons SET model_version = 'v9' WHERE hour = '{NOON}'"],
        {"reasons of predictions"},
        f"--select prediction_reasons --partition-range {hour_key(NOON)}...{hour_key(NOON)}",
    ),
    "an hour twice": (
        [f"INSERT INTO market_snapshot SELECT * FROM market_snapshot WHERE hour = '{NOON}'"],
        {"table market_snapshot"},
        f"--select market_snapshot --partition-range {hour_key(NOON)}...{hour_key(NOON)}",
    ),
    "another column": (
        ["ALTER TABLE predictions ADD COLUMN mood VARCHAR"],
        {"table predictions"},
        "another MLREG_HOME",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "missed", "advice"), TABLES.values(), ids=TABLES)
def test_what_tables_lack_is_found_with_the_command_that_mends_it(home, findings, statements, missed, advice):
    sql(home, *statements)
    before = content_of(home.folder)
    found = findings()
    assert misses(found) == missed
    assert any(advice in found[name].advice for name in missed)
    assert content_of(home.folder) == before


def test_the_command_mends_it(home, live, findings):
    sql(home, f"DELETE FROM market_snapshot WHERE hour = '{GONE}'")
    assert misses(findings()) == {"hours of snapshots", "features of snapshots"}
    live.run_hours(jobs.MARKET, LIVE_HOURS[5:6])
    assert misses(findings()) == set()


def test_hours_without_rows_are_none_where_the_market_closes(home, live):
    sql(home, *TABLES["an hour without snapshot"][0], f"DELETE FROM predictions WHERE hour = '{GONE}'",
         f"DELETE FROM prediction_outcomes WHERE prediction_hour = '{GONE}'")  # fmt: skip
    closes = live.settings.override({"ingest": {"checks": {"allow_empty_hours": True}}})
    found = {finding.name: finding for finding in examine(home, closes, NOW)}
    assert found["hours of snapshots"].state == "ok"
    assert "1 hours are missing" in found["hours of snapshots"].seen
