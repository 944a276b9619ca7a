"""mlreg explain."""

import json

import pytest
import yaml

from mlreg_dagster.core.times import hour_key
from mlreg_dagster.outcomes.names import REMAINDER
from mlreg_dagster.outcomes.schema import PREDICTION_REASONS, PREDICTIONS
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.commands import refused


@pytest.fixture
def warehouse(on_live, own_home):  # noqa: ARG001 - the home is there
    return DuckDBWarehouse(own_home / "warehouse.duckdb")


def _row(warehouse, *, is_anomaly):
    rows = warehouse.read(PREDICTIONS)
    row = rows[rows["is_anomaly"] == is_anomaly].iloc[0]
    return hour_key(row["hour"]), row["instrument_id"], row


def _facts(answer):
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_a_flag_is_explained_by_what_is_on_record(on_live, warehouse):
    hour, instrument, row = _row(warehouse, is_anomaly=True)
    found = _facts(on_live("explain", hour, instrument, "--json"))
    assert (found["version"], found["flagged"], found["stored"], found["remark"]) == ("v1", True, True, "")
    assert (found["score"], found["threshold"], found["role"]) == (row["score"], row["threshold"], "champion")
    stored = warehouse.read(PREDICTION_REASONS, row["hour"], row["hour"])
    stored = stored[stored["instrument_id"] == instrument]
    assert [each["share"] for each in found["reasons"]] == stored["share"].tolist()
    assert found["reasons"][-1]["family"] == REMAINDER
    assert found["reasons"][-1]["feature"] is None
    assert sum(each["part"] for each in found["reasons"]) == pytest.approx(1)
    assert sum(each["share"] for each in found["reasons"]) + found["score_at_medians"] == pytest.approx(found["score"])


def test_people_see_families_features_and_medians(on_live, warehouse):
    hour, instrument, row = _row(warehouse, is_anomaly=True)
    said = on_live("explain", hour, instrument).out
    assert f"v1 on {instrument} at {row['hour']:%Y-%m-%d %H:%M}: flagged" in said
    for word in ("family", "strongest feature", "median in training", "remainder", "The shares sum to the difference."):
        assert word in said
    assert "computed now" not in said


def test_what_was_not_flagged_is_explained_on_the_spot(on_live, warehouse):
    hour, instrument, row = _row(warehouse, is_anomaly=False)
    found = _facts(on_live("explain", hour, instrument, "--json"))
    assert (found["flagged"], found["stored"], found["score"]) == (False, False, row["score"])
    assert found["remark"].startswith(
        "It was not flagged, and only flags have reasons on record. These were computed now"
    )
    assert sum(each["share"] for each in found["reasons"]) + found["score_at_medians"] == pytest.approx(found["score"])
    assert found["remark"] in on_live("explain", hour, instrument).out


def test_a_version_that_did_not_predict_the_hour_is_explained_on_the_spot(on_live, warehouse):
    hour, instrument, _ = _row(warehouse, is_anomaly=True)
    found = _facts(on_live("explain", hour, instrument, "--version", "v3", "--json"))
    assert (found["version"], found["flagged"], found["role"]) == ("v3", None, None)
    assert found["remark"].startswith("v3 has not predicted this hour.")


def test_flags_of_before_there_were_reasons_are_explained_alike(on_live, warehouse):
    hour, instrument, _ = _row(warehouse, is_anomaly=True)
    stored = _facts(on_live("explain", hour, instrument, "--json"))
    with warehouse.connect() as connection:
        connection.execute(f"DROP TABLE {PREDICTION_REASONS.name}")
    found = _facts(on_live("explain", hour, instrument, "--json"))
    assert found["reasons"] == stored["reasons"]
    assert found["remark"].startswith("It was flagged and has no reasons on record: the hour was predicted before")


def test_what_can_not_be_explained_is_said(on_live, warehouse):
    hour, instrument, _ = _row(warehouse, is_anomaly=True)
    refused(on_live("explain", hour, "sim-0100"), "sim-0100 was not observed at 2026-01-05 00:00, so no version scored")
    assert "did you mean sim-010" in on_live("explain", hour, "sim-0100").err
    refused(on_live("explain", "2026-03-01T00:00", instrument), "market_features holds nothing of 2026-03-01 00:00")
    refused(on_live("explain", "2026-01-04T00:00", instrument), "There was no champion as of 2026-01-04 00:00. Name a")
    refused(on_live("explain", "2026-01-05T00:30", instrument), "is not a whole hour")
    refused(on_live("explain", hour, instrument, "--version", "v9"), "v9 is not registered")
    refused(on_live("explain", hour, instrument, "--version", "ranking:fall"), "which is its only reason")


def test_a_home_without_tables_is_said(on_trained, own_home):
    (own_home / "warehouse.duckdb").unlink()
    answer = on_trained("explain", "2026-01-05T00:00", "sim-001", "--version", "v1")
    refused(answer, "market_features holds nothing of 2026-01-05 00:00")


def test_features_are_ranked_by_what_a_version_finds_less_of(on_trained):
    found = _facts(on_trained("features", "measure", "v1", "--refits", "1", "--json"))
    assert (found["version"], found["refits"], found["rounds"]) == ("v1", 1, 8)
    drops = [each["drop"] for each in found["families"]]
    assert drops == sorted(drops, reverse=True)
    said = on_trained("features", "measure", "v1", "--refits", "0").out
    assert "What v1 finds less of when a family of features is permuted" in said
    assert "change_24h" in said


def test_the_selection_is_a_piece_of_a_model_file(on_trained, own_home):
    before = sorted(own_home.parent.rglob("*.yaml"))
    answer = on_trained("features", "measure", "v1", "--refits", "0", "--needed")
    facts = _facts(on_trained("features", "measure", "v1", "--refits", "0", "--json"))
    if not facts["needed"]:
        refused(answer, "No family of features is shown to be needed by v1")
        return
    assert yaml.safe_load(answer.out) == {"features": facts["needed"]}
    assert answer.out.startswith("# Needed by v1: ")
    assert sorted(own_home.parent.rglob("*.yaml")) == before
