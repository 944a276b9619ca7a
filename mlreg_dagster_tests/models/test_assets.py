"""candidate_model, evaluated_model and champion_model as assets and jobs: what they do, refuse and record."""

import json
import subprocess
import sys

import dagster as dg
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.base import PartitionKeyFilter

from mlreg_dagster import jobs
from mlreg_dagster.config import PROJECT_DIR
from mlreg_dagster.hours import HOUR, as_hour, day_key
from mlreg_dagster.models.names import AVERAGE_PRECISION, GATES, SILHOUETTE
from mlreg_dagster.runner import RunFailed, asset_config
from mlreg_dagster_tests.lifecycle import DATASET_DAY, LIVE, NOW, failure, metadata, verdicts

V3_FAILED = f"v3 failed its latest evaluation .*{AVERAGE_PRECISION}"


def _bundle(world, version):
    """Every byte of an artifact, and when it was written."""
    folder = world.home / "artifacts" / "models" / version
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def _tamper(world, version):
    manifest = world.home / "artifacts" / "models" / version / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"threshold": ', '"threshold": 1'))


# --- training ------------------------------------------------------------------------------------------------


def test_training_a_version_again_in_the_same_way_changes_nothing(trained):
    before, records = _bundle(trained, "v1"), trained.registry.versions()
    result = trained.attempt("candidate_model", key="v1", config={"model": "model"})
    assert metadata(result, "candidate_model")["artifact_sha256"] == records[0].artifact_sha256
    assert _bundle(trained, "v1") == before
    assert trained.registry.versions() == records


def test_training_a_version_again_in_another_way_is_refused(trained):
    before, records = _bundle(trained, "v1"), trained.registry.versions()
    message = failure(trained.attempt("candidate_model", key="v1", config={"model": "model_lof"}))
    assert "VersionExists: v1 was trained in another way (differing: " in message
    assert "Train under a new version" in message
    assert _bundle(trained, "v1") == before
    assert trained.registry.versions() == records


def test_run_config_overrides_the_file_and_goes_into_the_manifest(trained):
    version = trained.train({"overrides": {"contamination": 0.1, "params": {"n_neighbors": 7}}, "actor": "anna"})
    registered = trained.registry.version(version)
    assert (version, registered.created_by) == ("v4", "anna")
    assert registered.manifest["settings"]["contamination"] == 0.1
    assert registered.manifest["settings"]["params"] == {"n_neighbors": 7}
    assert registered.manifest["settings"]["features"] == trained.registry.version("v1").manifest["settings"]["features"]
    assert registered.manifest["training_anomaly_rate"] == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"overrides": {"contaminaton": 0.1}}, "run config, over model.yaml: contaminaton: unknown key; allowed are detector"),
        ({"overrides": {"contamination": 0.9}}, "contamination: Input should be less than 0.5"),
        ({"overrides": {"params": {"neighbours": 3}}}, "neighbours"),
        ({"overrides": {"features": ["change_1h_pct", "moon_phase"]}}, "does not have: moon_phase"),
        ({"model": "model_svm"}, "There is no model_svm.yaml among the configs; models are: model.yaml"),
        ({"dataset": "2026-01-02"}, "There is no bundle training_dataset/2026-01-02"),
    ],
    ids=["unknown key", "impossible value", "unknown parameter", "unknown feature", "unknown model", "unknown dataset"],
)
def test_training_with_a_mistake_says_which_and_stores_nothing(trained, config, complaint):
    with pytest.raises(RunFailed) as caught:
        trained.train(config)
    assert complaint in str(caught.value)
    assert "step candidate_model of job train" in str(caught.value)
    assert len(trained.registry.versions()) == len(trained.artifacts.keys("models")) == 3


def test_training_without_a_dataset_says_what_to_do(make_world):
    world = make_world(None)
    with pytest.raises(RunFailed, match="No training dataset is frozen yet. Materialize training_dataset and eval_holdout"):
        world.train({})


# --- evaluation ----------------------------------------------------------------------------------------------


def _latest_verdict(world, gate, version):
    key = dg.AssetCheckKey(dg.AssetKey("evaluated_model"), gate)
    storage = world.instance.event_log_storage
    found = storage.get_latest_asset_check_execution_by_key([key], partition_filter=PartitionKeyFilter(key=version))
    return found[key].status == AssetCheckExecutionRecordStatus.SUCCEEDED


def test_gates_are_checks_of_their_own_version(trained):
    passed = trained.attempt("evaluated_model", key="v1", config={"actor": "anna"})
    failed = trained.attempt("evaluated_model", key="v3", config={"actor": "anna"})
    assert passed.success
    assert failed.success  # a failed gate is a result
    assert verdicts(passed) == dict.fromkeys(GATES, True)
    assert verdicts(failed) == dict.fromkeys(GATES, True) | {AVERAGE_PRECISION: False}
    assert [check.partition for check in failed.get_asset_check_evaluations()] == ["v3"] * len(GATES)
    assert metadata(failed, "evaluated_model")["status"] == "rejected"
    assert _latest_verdict(trained, AVERAGE_PRECISION, "v1")
    assert not _latest_verdict(trained, AVERAGE_PRECISION, "v3")
    assert trained.registry.status("v1") == "evaluated"
    assert trained.registry.status("v3") == "rejected"


def test_evaluating_never_touches_the_artifact(trained):
    before = _bundle(trained, "v1")
    for overrides in ({}, {"min_silhouette": 1.0}):
        assert trained.attempt("evaluated_model", key="v1", config={"overrides": overrides}).success
    assert _bundle(trained, "v1") == before
    first, *_, last = trained.registry.evaluations("v1")
    assert first.metrics == last.metrics
    assert [gate.value for gate in first.gates] == [gate.value for gate in last.gates]


def test_thresholds_of_the_run_are_used_and_recorded(trained):
    result = trained.attempt(
        "evaluated_model", key="v1", config={"overrides": {"min_silhouette": 0.99, "injection": {"seed": 5}}}
    )
    assert verdicts(result) == dict.fromkeys(GATES, True) | {SILHOUETTE: False}
    evaluation = trained.registry.latest_evaluation("v1")
    assert evaluation.thresholds["min_silhouette"] == 0.99
    assert evaluation.thresholds["injection"] == trained.registry.evaluations("v1")[0].thresholds["injection"] | {"seed": 5}
    assert {gate.name: gate.threshold for gate in evaluation.gates}[SILHOUETTE] == "at least 0.99"
    assert trained.registry.status("v1") == "rejected"


def test_an_unknown_threshold_is_refused(trained):
    message = failure(trained.attempt("evaluated_model", key="v1", config={"overrides": {"min_silouette": 0}}))
    assert "run config, over evaluation.yaml: min_silouette: unknown key; allowed are min_anomaly_rate" in message
    assert len(trained.registry.evaluations("v1")) == 1


def test_a_version_that_was_never_trained_cannot_be_evaluated(trained):
    trained.add_version("v9")
    message = failure(trained.attempt("evaluated_model", key="v9"))
    assert "v9 is not registered. Registered versions: v1, v2, v3." in message


def test_a_candidate_is_compared_with_the_champion_on_the_same_rows(live):
    result = live.attempt("evaluated_model", key="v1")  # v2 is champion by now
    versus = live.registry.latest_evaluation("v1").metrics["versus_champion"]
    assert (versus["left"], versus["right"]) == ("v1", "v2")
    assert versus["rows"] == metadata(result, "evaluated_model")["dagster/row_count"]
    assert versus["average_precision"][0] == live.registry.latest_evaluation("v1").metrics["average_precision"]
    assert versus["average_precision"][1] == live.registry.latest_evaluation("v2").metrics["average_precision"]


def test_a_damaged_champion_does_not_keep_others_from_being_evaluated(live):
    _tamper(live, "v2")
    assert live.attempt("evaluated_model", key="v1").success
    versus = live.registry.latest_evaluation("v1").metrics["versus_champion"]
    assert versus["champion"] == "v2"
    assert "is not what was frozen" in versus["not_comparable"]


# --- promotion -----------------------------------------------------------------------------------------------


def test_a_promotion_says_who_put_which_version_there_and_why(trained):
    config = {"version": "v1", "reason": "first to pass", "actor": "anna", "effective_at": LIVE.isoformat()}
    result = trained.attempt("champion_model", config=config)
    said = metadata(result, "champion_model")
    event = trained.registry.holder("champion")
    assert (event.version, event.previous_version, event.reason, event.actor) == ("v1", None, "first to pass", "anna")
    assert (event.effective_at, event.recorded_at) == (LIVE, as_hour(NOW[:13] + ":00") + HOUR / 2)
    assert event.run_id == result.run_id
    assert event.artifact_sha256 == trained.registry.version("v1").artifact_sha256 == said["artifact_sha256"]
    assert (said["champion"], said["moved"]) == ("v1", "champion: nobody → v1")
    assert verdicts(result) == {"gates_passed": True, "artifact_intact": True}


def test_rollback_is_a_promotion_of_an_older_version(trained):
    for version, reason in (("v1", "the first"), ("latest-1", "the better"), ("v1", "it was not better")):
        trained.promote(version, reason=reason)
    history = trained.registry.history("champion")
    assert [event.version for event in history] == ["v1", "v2", "v1"]
    assert [event.previous_version for event in history] == [None, "v1", "v2"]
    assert trained.registry.holder("champion").reason == "it was not better"


def test_another_alias_leaves_the_champion_alone(trained):
    trained.promote("v1")
    trained.promote("v2", alias="challenger")
    assert {alias: event.version for alias, event in trained.registry.aliases().items()} == {
        "champion": "v1",
        "challenger": "v2",
    }


def _through_the_job(world, config):
    world.run(jobs.PROMOTE, asset_config("champion_model", config))


def _through_the_asset(world, config):
    if message := failure(world.attempt("champion_model", config=config)):
        raise RunFailed(message)


def _after_forged_events(world, config):
    key = dg.AssetKey("evaluated_model")
    world.instance.report_runless_asset_event(dg.AssetMaterialization(key, partition="v3"))
    for gate in GATES:
        forged = dg.AssetCheckEvaluation(asset_key=key, check_name=gate, passed=True, metadata={}, partition="v3")
        world.instance.report_runless_asset_event(forged)
        assert _latest_verdict(world, gate, "v3")
    _through_the_job(world, config)


@pytest.mark.parametrize("how", [_through_the_job, _through_the_asset, _after_forged_events])
def test_a_version_that_failed_a_gate_is_refused_on_every_way(trained, how):
    with pytest.raises(RunFailed, match=V3_FAILED):
        how(trained, {"version": "v3", "reason": "it looks fine to me"})
    assert trained.registry.history("champion") == []


def test_a_failed_promotion_leaves_the_champion_in_place(live):
    before = live.registry.history("champion")
    with pytest.raises(RunFailed, match=V3_FAILED):
        live.promote("v3")
    assert live.registry.history("champion") == before


def test_the_latest_evaluation_counts(trained):
    trained.attempt("evaluated_model", key="v1", config={"overrides": {"min_silhouette": 1.0}})
    with pytest.raises(RunFailed, match=rf"v1 failed its latest evaluation .*{SILHOUETTE}"):
        trained.promote("v1")
    trained.attempt("evaluated_model", key="v1")
    trained.promote("v1")


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"version": "v9"}, "v9 is not registered. Registered versions: v1, v2, v3."),
        ({"version": "latest-7"}, "There is no latest-7."),
        ({"version": "shadow"}, "'shadow' is no version, and no alias that anyone held."),
        ({"reason": "ok"}, "The reason 'ok' is too short; promotion.yaml asks for 5 characters."),
        ({"alias": "v2"}, "'v2' can't be an alias."),
        ({"expected": "v2"}, "it was expected with v2, but nobody holds it."),
        ({"effective_at": day_key(DATASET_DAY)}, "v1 may score from 2026-01-05 00:00 UTC on, the end of its dataset"),
        ({"effective_at": "2026-01-09"}, "that is after now"),
        ({"effective_at": "2026-01-06T00:30"}, "is not a whole hour"),
        ({"effective_at": "noon"}, "'noon' is not a time. Write it as 2017-12-20T00:00."),
    ],
)
def test_a_promotion_against_the_rules_says_which_and_moves_nothing(trained, config, complaint):
    with pytest.raises(RunFailed) as caught:
        _through_the_job(trained, {"version": "v1", "reason": "a test wants it", **config})
    assert complaint in str(caught.value)
    assert trained.registry.aliases() == {}


def test_history_is_written_forward(live):
    with pytest.raises(RunFailed, match="champion can't move as of .* its last move counts from"):
        live.promote("v1", LIVE)


def test_a_version_that_was_never_evaluated_is_refused(trained):
    version = trained.train({"actor": "anna"})
    with pytest.raises(RunFailed, match=f"{version} was never evaluated"):
        trained.promote(version)


def test_a_tampered_artifact_is_not_promoted(trained):
    _tamper(trained, "v1")
    with pytest.raises(RunFailed, match=r"is not what was frozen. manifest\.json: expected"):
        trained.promote("v1")
    assert trained.registry.aliases() == {}


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_of_sixteen_promotions_at_once_one_wins(trained):
    program = [sys.executable, "-W", "ignore", "-m", "mlreg_dagster_tests.models.promoting"]
    answer = subprocess.run(
        [*program, trained.home, trained.config_dir], cwd=PROJECT_DIR, capture_output=True, text=True, timeout=180
    )
    assert answer.returncode == 0, answer.stderr
    outcomes = json.loads(answer.stdout.splitlines()[-1])
    winners = [version for version, error in outcomes if not error]
    assert (len(outcomes), len(winners)) == (16, 1)
    assert all("champion did not move: it was expected with nobody, but v" in error for _, error in outcomes if error)
    (event,) = trained.registry.history("champion")
    assert event.version == winners[0]
