"""Every result of every check over a period, of the market or of the clock: from Dagster's event log to rows."""

import shutil

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster.evidence.assets import check_report_of
from mlreg_dagster.evidence.check_report import COLUMNS, Period, arrange, counts, market_time
from mlreg_dagster.evidence.schemas.by import By
from mlreg_dagster.models.gates import GATES
from mlreg_dagster.orchestration.graph_description import check_keys
from mlreg_dagster.orchestration.instance import check_log
from mlreg_dagster_tests.lifecycle import DUE_HOURS, Lifecycle, metadata, verdicts

NOON = pd.Timestamp("2026-01-05 12:00", tz="UTC")


def result(check="silhouette", **changes):
    values = {
        "recorded_at": NOON,
        "asset": "evaluated_model",
        "check": check,
        "partition": "v1",
        "passed": True,
        "severity": "ERROR",
        "description": "On at most 2000 rows.",
        "values": {"version": "v1", "value": 0.5},
        "run_id": "0123456789abcdef",
    }
    return values | changes


def report_on(world, period=None):
    return check_report_of(check_keys(world.definitions), world.instance, period or Period(), NOON)


@pytest.fixture(scope="module")
def checked(live_home, tmp_path_factory):
    """v2 evaluated twice, the second time so that a gate fails; the champion looked at. Tests only read it."""
    live = Lifecycle(shutil.copytree(live_home, tmp_path_factory.mktemp("checked") / "home"))
    live.attempt("evaluated_model", key="v2")
    live.attempt("evaluated_model", key="v2", config={"overrides": {"min_score_gap": 1000}})
    live.attempt(checks="champion_model")
    return live


def test_every_result_is_there_by_version_and_partition(checked):
    rows = report_on(checked).rows
    assert len(rows) == 2 * len(GATES) + 4
    assert [row["recorded_at"] for row in rows] == sorted((row["recorded_at"] for row in rows), reverse=True)
    assert {(row["asset"], row["partition"], row["version"]) for row in rows} == {
        ("evaluated_model", "v2", "v2"),
        ("champion_model", "", "v2"),
    }
    by_check = {line["check"]: (line["passed"], line["failed"], line["last"]) for line in counts(rows)}
    assert by_check["score_gap"] == (1, 1, "FAILED")
    assert by_check["silhouette"] == (2, 0, "passed")
    assert by_check["gates_passed"] == (1, 0, "passed")  # the failed evaluation was an experiment
    (failed,) = (row for row in rows if row["check"] == "score_gap" and not row["passed"])
    assert failed["values"]["threshold"] == "at least 1000"
    assert checked.instance.get_run_by_id(failed["run_id"]) is not None


def test_a_check_without_partitions_tells_those_of_its_run(live):
    live.run_hours("outcomes_only", DUE_HOURS)
    rows = report_on(live).rows
    assert {row["check"] for row in rows} == {"one_outcome_a_prediction", "outcomes_have_one_meaning"}
    assert {row["partition"] for row in rows} == {"2026-01-06-00:00...2026-01-06-23:00"}


def test_a_period_takes_whole_days_of_recording(checked):
    everything = report_on(checked).rows
    first, last = (f"{everything[place]['recorded_at']:%Y-%m-%d}" for place in (-1, 0))
    assert report_on(checked, Period(By.recording, first, last)).rows == everything
    assert report_on(checked, Period(By.recording, None, "2026-01-01")).rows == []
    assert report_on(checked, Period(By.recording, "2100-01-01", None)).rows == []


def test_a_period_takes_the_days_of_the_market_that_results_are_about(live):
    live.run_hours("outcomes_only", DUE_HOURS)
    live.attempt(checks="champion_model")
    of_the_market = [row for row in report_on(live).rows if row["asset"] == "prediction_outcomes"]
    found = report_on(live, Period(By.market, "2026-01-06", "2026-01-06"))
    assert (found.rows, found.otherwise) == (of_the_market, 0)
    assert found.left_out == 4  # those of the champion are about no hours
    assert "4 results are about no hours of the market" in found.remarks[0]
    assert report_on(live, Period(By.market, "2026-01-07", None)).rows == []
    assert report_on(live, Period(By.market, None, "2026-01-05")).rows == []


def test_a_reader_who_takes_recording_for_market_time_is_warned(live):
    live.run_hours("outcomes_only", DUE_HOURS)
    rows = report_on(live).rows
    by_market = Period(By.market, "2026-01-01", "2026-01-06")
    assert report_on(live, by_market).remarks == []
    found = report_on(live, Period(By.recording, "2026-01-01", "2026-01-06"))
    assert (found.rows, found.otherwise) == ([], len(rows))
    assert f"{len(rows)} do by market time. Ask for them with --by market" in found.remarks[0]
    today = f"{rows[0]['recorded_at']:%Y-%m-%d}"
    found = report_on(live, Period(By.market, today, None))
    assert (found.rows, found.otherwise) == ([], len(rows))


@pytest.mark.parametrize(
    ("partition", "first", "until"),
    [
        ("2026-01-06-05:00", "2026-01-06 05:00", "2026-01-06 06:00"),
        ("2026-01-06-05:00...2026-01-07-01:00", "2026-01-06 05:00", "2026-01-07 02:00"),
        ("2026-01-06", "2026-01-06", "2026-01-07"),
        ("2026-01-06...2026-01-08", "2026-01-06", "2026-01-09"),
    ],
)
def test_partitions_are_hours_or_days_of_the_market(partition, first, until):
    assert market_time(partition) == (pd.Timestamp(first, tz="UTC"), pd.Timestamp(until, tz="UTC"))


@pytest.mark.parametrize("partition", ["", "v2"])
def test_a_version_is_no_time(partition):
    assert market_time(partition) == (None, None)


def test_a_gate_that_no_policy_asks_for_any_more_is_still_reported(live):
    check = dg.AssetCheckEvaluation(dg.AssetKey("evaluated_model"), "segment_parity", True, {}, partition="v2")
    live.instance.report_runless_asset_event(check)
    rows = report_on(live).rows
    assert [(row["check"], row["partition"]) for row in rows] == [("segment_parity", "v2")]


def test_long_histories_are_read_page_by_page(checked, monkeypatch):
    whole = report_on(checked).rows
    monkeypatch.setattr(check_log, "_PAGE", 1)
    assert report_on(checked).rows == whole


def test_the_asset_shows_counts_and_the_newest_rows(checked):
    outcome = checked.attempt("governance_report", config={"rows": 3})
    shown = metadata(outcome, "governance_report")
    assert (shown["results"], shown["failed"]) == (2 * len(GATES) + 4, 1)
    assert len(shown["newest"].records) == 3
    assert [column.name for column in shown["newest"].schema.columns] == list(COLUMNS)
    assert {record.data["check"] for record in shown["by_check"].records} == {
        *GATES,
        "gates_passed",
        "artifact_intact",
        "registry_intact",
        "frozen_hours_unchanged",
    }
    assert verdicts(outcome) == {}


def test_versions_are_counted_apart_and_in_their_order():
    named = [result(partition=name, values={"version": name}) for name in ("v10", "v2", "v2")]
    assert [(line["version"], line["passed"]) for line in counts(arrange(named))] == [("v2", 2), ("v10", 1)]
