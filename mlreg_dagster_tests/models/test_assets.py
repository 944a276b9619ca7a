"""candidate_model and evaluated_model as assets and jobs: what they do, refuse and record."""

import pytest

from mlreg_dagster.models.names import AVERAGE_PRECISION, GATES, SILHOUETTE
from mlreg_dagster.runner import RunFailed
from mlreg_dagster_tests.lifecycle import failure, latest_verdict, metadata, verdicts


def _bundle(world, version):
    """Every byte of an artifact, and when it was written."""
    folder = world.home / "artifacts" / "models" / version
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


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
    assert (
        registered.manifest["settings"]["features"] == trained.registry.version("v1").manifest["settings"]["features"]
    )
    assert registered.manifest["training_anomaly_rate"] == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (
            {"overrides": {"contaminaton": 0.1}},
            "run config, over model.yaml: contaminaton: unknown key; allowed are detector",
        ),
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
    with pytest.raises(RunFailed, match=r"No training dataset is frozen yet\. Materialize training_dataset and eval_h"):
        world.train({})


# --- evaluation ----------------------------------------------------------------------------------------------


def test_gates_are_checks_of_their_own_version(trained):
    passed = trained.attempt("evaluated_model", key="v1", config={"actor": "anna"})
    failed = trained.attempt("evaluated_model", key="v3", config={"actor": "anna"})
    assert passed.success
    assert failed.success  # a failed gate is a result
    assert verdicts(passed) == dict.fromkeys(GATES, True)
    assert verdicts(failed) == dict.fromkeys(GATES, True) | {AVERAGE_PRECISION: False}
    assert [check.partition for check in failed.get_asset_check_evaluations()] == ["v3"] * len(GATES)
    assert metadata(failed, "evaluated_model")["status"] == "rejected"
    assert latest_verdict(trained, AVERAGE_PRECISION, "v1")
    assert not latest_verdict(trained, AVERAGE_PRECISION, "v3")
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
    assert evaluation.thresholds["injection"] == trained.registry.evaluations("v1")[0].thresholds["injection"] | {
        "seed": 5
    }
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
    live.tamper("v2")
    assert live.attempt("evaluated_model", key="v1").success
    versus = live.registry.latest_evaluation("v1").metrics["versus_champion"]
    assert versus["champion"] == "v2"
    assert "is not what was frozen" in versus["not_comparable"]
