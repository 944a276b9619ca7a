"""candidate_model as an asset and a job: what it does, refuses and records."""

import pytest

from mlreg_dagster import jobs
from mlreg_dagster.models.training_request import NoDataset
from mlreg_dagster.runner import RunFailed, asset_config
from mlreg_dagster_tests.lifecycle import failure, metadata
from mlreg_dagster_tests.models.builders import bundle_of


def test_training_a_version_again_in_the_same_way_changes_nothing(trained):
    before, records = bundle_of(trained, "v1"), trained.registry.versions()
    result = trained.attempt("candidate_model", key="v1", config={"model": "model"})
    assert metadata(result, "candidate_model")["artifact_sha256"] == records[0].artifact_sha256
    assert bundle_of(trained, "v1") == before
    assert trained.registry.versions() == records


def test_training_a_version_again_in_another_way_is_refused(trained):
    before, records = bundle_of(trained, "v1"), trained.registry.versions()
    message = failure(trained.attempt("candidate_model", key="v1", config={"model": "model_lof"}))
    assert "VersionExists: v1 was trained in another way (differing: " in message
    assert "Train under a new version" in message
    assert bundle_of(trained, "v1") == before
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
        ({"dataset": "2026-01-02"}, "No training dataset is frozen for '2026-01-02'. Frozen days: 2026-01-04."),
    ],
    ids=["unknown key", "impossible value", "unknown parameter", "unknown feature", "unknown model", "unknown dataset"],
)
def test_training_with_a_mistake_says_which_and_stores_nothing(trained, config, complaint):
    trained.add_version("v4")
    with pytest.raises(RunFailed) as caught:  # as launched in the UI, for a version that was added there
        trained.run_partition(jobs.TRAIN, "v4", asset_config("candidate_model", config))
    assert complaint in str(caught.value)
    assert "step candidate_model of job train" in str(caught.value)
    assert len(trained.registry.versions()) == len(trained.artifacts.keys("models")) == 3


def test_training_without_a_dataset_says_what_to_do(make_world):
    world = make_world(None)
    with pytest.raises(NoDataset, match=r"No training dataset is frozen yet\. Materialize training_dataset and eval_h"):
        world.train({})


def test_a_version_names_the_use_case_it_is_built_under(trained):
    version = trained.train({})
    use_case = trained.settings.use_case.sha256
    assert trained.registry.version(version).manifest["use_case_sha256"] == use_case
