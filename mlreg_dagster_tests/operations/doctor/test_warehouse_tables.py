"""What tables lack is found, and the command that is told fixes it."""

import pytest

from mlreg_dagster import Client, jobs
from mlreg_dagster.core.hours import HOUR, hour_key
from mlreg_dagster.operations.doctor.doctor import examine
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster_tests.lifecycle import DUE_HOURS, LIVE, LIVE_HOURS, NOON
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

GAINED = ["crossed_at", "fall_6h_pct"]
OUTCOMES_BEFORE = (
    "ALTER TABLE prediction_outcomes RENAME TO newer",
    'CREATE TABLE "prediction_outcomes" ("hour" TIMESTAMPTZ NOT NULL, "prediction_hour" TIMESTAMPTZ NOT NULL, '
    '"instrument_id" VARCHAR NOT NULL, "model_version" VARCHAR NOT NULL, "role" VARCHAR NOT NULL, '
    '"score" DOUBLE NOT NULL, "is_anomaly" BOOLEAN NOT NULL, "in_sample" BOOLEAN NOT NULL, "price" DOUBLE NOT NULL, '
    '"outcome_price" DOUBLE, "outcome_price_hour" TIMESTAMPTZ, "change_pct" DOUBLE, "worst_drop_pct" DOUBLE, '
    '"outcome" VARCHAR NOT NULL)',
    "INSERT INTO prediction_outcomes BY NAME SELECT * EXCLUDE (crossed_at, fall_6h_pct) FROM newer",
    "DROP TABLE newer",
)


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


def test_outcomes_under_other_settings_are_named_with_the_command_that_makes_them_again(home, live):
    changed = live.settings.override({"outcomes": {"crash_pct": -0.5}})
    found = {finding.name: finding for finding in examine(home, changed, NOW)}["meaning of outcomes"]
    assert found.state == "warning"
    assert "crash_pct -0.5" in found.seen
    assert "--select prediction_outcomes" in found.advice
    kept = {finding.name: finding for finding in examine(home, live.settings, NOW)}["meaning of outcomes"]
    assert kept.state == "ok"


def test_the_outcomes_of_an_earlier_release_are_sound_and_gain_their_columns_with_the_next_run(home, live, findings):
    """The table as release 0.13 made it: without crossed_at and fall_6h_pct."""
    sql(home, *OUTCOMES_BEFORE)
    assert misses(findings()) == set()
    assert findings()["table prediction_outcomes"].state == "ok"

    client = Client(home.folder)
    assert client.outcomes()[GAINED].isna().all().all()
    assert list(client.outcomes(columns=["crossed_at", "hour"])) == ["crossed_at", "hour"]
    before = live.warehouse.read(PREDICTION_OUTCOMES)
    assert list(before) == list(PREDICTION_OUTCOMES.columns)
    assert before[GAINED].isna().all().all()

    live.run_hours(jobs.OUTCOMES, DUE_HOURS[:1])
    assert misses(findings()) == set()
    after = client.outcomes()
    assert after.loc[after["hour"] == DUE_HOURS[0], "fall_6h_pct"].notna().all()
    assert after.loc[after["hour"] != DUE_HOURS[0], "fall_6h_pct"].isna().all()
    assert (len(after), set(after)) == (len(before), set(before))
