"""The asset checks on the champion."""

import shutil
from dataclasses import replace

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.orchestration.instance.check_log import latest_results
from mlreg_dagster.registry import Attribution
from mlreg_dagster_tests.lifecycle import DATASET_DAY, START, verdicts


def _of_the_champion(result):
    """But for the registry's check, whose witness these worlds don't have."""
    return {name: passed for name, passed in verdicts(result).items() if name != "registry_intact"}


def _described(result):
    return {check.check_name: check.description for check in result.get_asset_check_evaluations()}


def test_without_a_champion_its_gates_and_bytes_are_red(trained):
    result = trained.attempt(checks="champion_model")
    assert _of_the_champion(result) == {"gates_passed": False, "artifact_intact": False, "frozen_hours_unchanged": True}
    said = _described(result)
    assert said["gates_passed"] == said["artifact_intact"] == "No version is champion yet."
    assert said["frozen_hours_unchanged"].startswith("No version is champion yet")


def test_a_champion_with_passed_gates_and_its_own_bytes_is_green(live):
    result = live.attempt(checks="champion_model")
    assert _of_the_champion(result) == {"gates_passed": True, "artifact_intact": True, "frozen_hours_unchanged": True}
    assert live.registry.version("v2").artifact_sha256 in _described(result)["artifact_intact"]


def test_bytes_that_were_changed_after_the_promotion_are_found(live):
    pipeline = live.home / "artifacts" / "models" / "v2" / "pipeline.skops"
    pipeline.write_bytes(pipeline.read_bytes()[:-1])
    result = live.attempt(checks="champion_model")
    assert _of_the_champion(result) == {"gates_passed": True, "artifact_intact": False, "frozen_hours_unchanged": True}
    assert "pipeline.skops: expected" in _described(result)["artifact_intact"]


def test_a_champion_that_fails_a_later_evaluation_is_found(live):
    version, latest = live.registry.version("v2"), live.registry.latest_evaluation("v2")
    live.registry.record_evaluation(
        "v2",
        Attribution("tester", latest.recorded_at),
        artifact_sha256=version.artifact_sha256,
        holdout_sha256=latest.holdout_sha256,
        gates=[replace(gate, passed=gate.name != "score_gap") for gate in latest.gates],
        metrics={},
        thresholds={},
    )
    result = live.attempt(checks="champion_model")
    assert _of_the_champion(result) == {"gates_passed": False, "artifact_intact": True, "frozen_hours_unchanged": True}
    assert "of v2 failed: score_gap." in _described(result)["gates_passed"]


def _repair(world, hours, table="market_features"):
    with world.warehouse.connect() as connection:
        for hour in hours:
            connection.execute(
                f"UPDATE {table} SET change_1h_pct = change_1h_pct + 9 WHERE hour = $hour", {"hour": hour}
            )


def _frozen_hours(result):
    (found,) = [check for check in result.get_asset_check_evaluations() if check.check_name == "frozen_hours_unchanged"]
    return found


@pytest.mark.parametrize(
    ("hour", "kind"), [(START + 30 * HOUR, "training_dataset"), (DATASET_DAY + 5 * HOUR, "eval_holdout")]
)
def test_repaired_hours_behind_the_champion_are_a_warning(live, hour, kind):
    _repair(live, [hour, hour + HOUR])
    found = _frozen_hours(live.attempt(checks="champion_model"))
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["hours_changed_since_frozen"].value == 2
    assert f"2 of the {48 if kind == 'training_dataset' else 24} hours of {kind} 2026-01-04" in found.description


def test_a_follow_up_of_repaired_hours_tells_that_the_champion_was_trained_on_them(live):
    """What a repaired snapshot changes is known once its features have followed, in the same run."""
    hours = hour_range(START + 30 * HOUR, START + 30 * HOUR)
    _repair(live, hours, "market_snapshot")
    assert _frozen_hours(live.attempt(checks="champion_model")).passed
    live.run_hours(jobs.FOLLOW_UP, hours)
    key = dg.AssetCheckKey(dg.AssetKey("champion_model"), "frozen_hours_unchanged")
    found = latest_results(live.instance, [key])[key]
    assert not found["passed"]
    assert "1 of the 48 hours of training_dataset 2026-01-04 hold other rows now" in found["description"]


def test_a_frozen_file_that_is_lost_is_no_success(live):
    shutil.rmtree(live.home / "artifacts" / "training_dataset" / "2026-01-04")
    found = _frozen_hours(live.attempt(checks="champion_model"))
    assert not found.passed
    assert "training_dataset" in found.description
