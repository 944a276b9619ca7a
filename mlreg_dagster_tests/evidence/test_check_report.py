"""Every result of every check over a period: from Dagster's event log to table, HTML and CSV."""

import csv
import io
import shutil

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster.evidence import check_report
from mlreg_dagster.evidence.assets import all_check_results
from mlreg_dagster.evidence.check_report import COLUMNS, arrange, counts, to_csv
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


@pytest.fixture(scope="module")
def checked(live_home, tmp_path_factory):
    """v2 evaluated twice, the second time so that a gate fails; the champion looked at. Tests only read it."""
    live = Lifecycle(shutil.copytree(live_home, tmp_path_factory.mktemp("checked") / "home"))
    live.attempt("evaluated_model", key="v2")
    live.attempt("evaluated_model", key="v2", config={"overrides": {"min_score_gap": 1000}})
    live.attempt(checks="champion_model")
    return live


def test_every_result_is_there_by_version_and_partition(checked):
    rows = all_check_results(check_keys(checked.definitions), checked.instance, None, None)
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
    assert "threshold=at least 1000" in failed["values"]
    assert checked.instance.get_run_by_id(failed["run_id"]) is not None


def test_a_check_without_partitions_tells_those_of_its_run(live):
    live.run_hours("outcomes_only", DUE_HOURS)
    rows = all_check_results(check_keys(live.definitions), live.instance, None, None)
    assert {row["check"] for row in rows} == {"one_outcome_a_prediction", "outcomes_have_one_meaning"}
    assert {row["partition"] for row in rows} == {"2026-01-06-00:00...2026-01-06-23:00"}


def test_a_period_takes_whole_days(checked):
    everything = all_check_results(check_keys(checked.definitions), checked.instance, None, None)
    first, last = (f"{everything[place]['recorded_at']:%Y-%m-%d}" for place in (-1, 0))
    assert all_check_results(check_keys(checked.definitions), checked.instance, first, last) == everything
    assert all_check_results(check_keys(checked.definitions), checked.instance, None, "2026-01-01") == []
    assert all_check_results(check_keys(checked.definitions), checked.instance, "2100-01-01", None) == []


def test_a_gate_that_no_policy_asks_for_any_more_is_still_reported(live):
    check = dg.AssetCheckEvaluation(dg.AssetKey("evaluated_model"), "segment_parity", True, {}, partition="v2")
    live.instance.report_runless_asset_event(check)
    rows = all_check_results(check_keys(live.definitions), live.instance, None, None)
    assert [(row["check"], row["partition"]) for row in rows] == [("segment_parity", "v2")]


def test_long_histories_are_read_page_by_page(checked, monkeypatch):
    whole = all_check_results(check_keys(checked.definitions), checked.instance, None, None)
    monkeypatch.setattr(check_log, "_PAGE", 1)
    assert all_check_results(check_keys(checked.definitions), checked.instance, None, None) == whole


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


def test_the_table_has_a_line_for_each_result():
    said = 'with "quotes", commas\nand lines'
    rows = arrange([result(), result("score_gap", passed=False, description=said, values={})])
    read = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert len(read) == 2
    assert list(read[0]) == list(COLUMNS)
    by_check = {line["check"]: line for line in read}
    assert by_check["score_gap"]["description"] == said
    assert by_check["silhouette"]["recorded_at"] == "2026-01-05T12:00:00+00:00"
    assert by_check["silhouette"]["version"] == "v1"
    assert by_check["silhouette"]["values"] == "version=v1, value=0.5"


def test_versions_are_counted_apart_and_in_their_order():
    named = [result(partition=name, values={"version": name}) for name in ("v10", "v2", "v2")]
    assert [(line["version"], line["passed"]) for line in counts(arrange(named))] == [("v2", 2), ("v10", 1)]


def test_nothing_in_a_period_is_an_answer_too():
    assert to_csv([]).strip() == ",".join(check_report.COLUMNS)


def test_no_cell_of_the_table_is_a_formula():
    texts = ["=cmd|'/c calc'!A0", "@SUM(1)", "+1", "-1", "\u202eevil\x1b[2J"]
    rows = arrange([result(description=text, partition=text) for text in texts])
    for row in csv.DictReader(io.StringIO(to_csv(rows))):
        for cell in row.values():
            assert not cell.startswith(("=", "@", "+", "-", "\t"))
            assert not set(cell) & set("\u202e\x1b")
