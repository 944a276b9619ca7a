"""The asset checks on the champion."""

from mlreg_dagster_tests.lifecycle import verdicts


def _described(result):
    return {check.check_name: check.description for check in result.get_asset_check_evaluations()}


def test_without_a_champion_both_are_red(trained):
    result = trained.attempt(checks="champion_model")
    assert verdicts(result) == {"gates_passed": False, "artifact_intact": False}
    assert set(_described(result).values()) == {"Nobody is champion yet."}


def test_a_champion_with_passed_gates_and_its_own_bytes_is_green(live):
    result = live.attempt(checks="champion_model")
    assert verdicts(result) == {"gates_passed": True, "artifact_intact": True}
    assert live.registry.version("v2").artifact_sha256 in _described(result)["artifact_intact"]


def test_bytes_that_were_changed_after_the_promotion_are_found(live):
    pipeline = live.home / "artifacts" / "models" / "v2" / "pipeline.skops"
    pipeline.write_bytes(pipeline.read_bytes()[:-1])
    result = live.attempt(checks="champion_model")
    assert verdicts(result) == {"gates_passed": True, "artifact_intact": False}
    assert "pipeline.skops: expected" in _described(result)["artifact_intact"]


def test_a_champion_that_fails_a_later_evaluation_is_found(live):
    live.attempt("evaluated_model", key="v2", config={"overrides": {"min_score_gap": 1000}})
    result = live.attempt(checks="champion_model")
    assert verdicts(result) == {"gates_passed": False, "artifact_intact": True}
    assert "of v2 failed: score_gap." in _described(result)["gates_passed"]
