"""The commands that train, evaluate, compare, promote and score."""

import re
import shutil

import pytest
import yaml

from mlreg_dagster.runner import Runner
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.commands import refused
from mlreg_dagster_tests.lifecycle import DUE_HOURS, LIVE_HOURS


def test_train_takes_nested_values_over_the_file(on_trained, registry):
    answer = on_trained("train", "--model", "model_lof", "--set", "contamination=0.1", "--set", "params.n_neighbors=7")
    assert answer.code == 0
    version = registry.version("v4")
    assert (
        f"v4 is a candidate: local_outlier_factor, dataset 2026-01-04, artifact {version.artifact_sha256[:12]}."
        in answer.out
    )
    assert version.manifest["settings"]["contamination"] == 0.1
    assert version.manifest["settings"]["params"] == {"n_neighbors": 7}
    assert version.created_by == "anna"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["contaminaton=0.1"], "contaminaton: unknown key; allowed are detector"),
        (["contamination"], "--set contamination: write key=value, or section.key=value."),
        (["seed=1", "seed.sub=2"], "--set seed.sub=2: seed has a value already."),
        (["params.n_neighbors=[7"], "--set params.n_neighbors=[7: this is no YAML value"),
        (["seed=many"], "seed: Input should be a valid integer (found 'many')"),
    ],
)
def test_train_says_what_is_wrong_with_an_override(on_trained, registry, overrides, message):
    arguments = [part for override in overrides for part in ("--set", override)]
    refused(on_trained("train", *arguments), message)
    assert len(registry.versions()) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "version", "status"),
    [
        (["v1"], 0, "v1", "evaluated"),
        (["latest"], 1, "v3", "rejected"),
        (["latest-1", "--set", "min_silhouette=0.99"], 1, "v2", "evaluated"),
        (["v3", "--set", "min_average_precision_margin=-1", "--set", "injection.rounds=1"], 0, "v3", "rejected"),
    ],
)
def test_evaluate_shows_every_gate_and_its_exit_code_tells_the_result(
    on_trained, registry, arguments, code, version, status
):
    answer = on_trained("evaluate", *arguments)
    assert answer.code == code
    assert f"{version} is {status}." in answer.out
    assert registry.status(version) == status
    for gate in registry.latest_evaluation(version).gates:
        assert gate.name in answer.out
    assert ("NO" in answer.out) == bool(code)


def test_evaluations_lists_every_attempt_the_failed_ones_first(on_trained):
    assert on_trained("evaluate", "v1", "--set", "min_silhouette=0.99").code == 1
    said = on_trained("evaluations", "v1").out
    assert said.index("FAILED") < said.index("passed")
    assert "min_silhouette" in said
    assert "Passed in attempt 1 of 2 on the same holdout." in said
    assert "The holdout was looked at" in said


@pytest.mark.slow
def test_promote_then_rollback_to_the_holder_before(on_trained, registry):
    past = on_trained("promote", "v1", "--reason", "the first", "--effective-at", "2026-01-05T00:00")
    refused(past, "champion can't move as of 2026-01-05 00:00 UTC: that is in the past, where only a replay")
    assert on_trained("promote", "v1", "--reason", "the first").code == 0
    assert on_trained("promote", "latest-1", "--reason", "the better one", "--actor", "bert").code == 0
    assert on_trained("rollback", "--reason", "it was not better").code == 0
    assert [(move.version, move.actor) for move in registry.history("champion")] == [
        ("v1", "anna"),
        ("v2", "bert"),
        ("v1", "anna"),
    ]
    refused(on_trained("rollback", "--reason", "nor is this"), "there is nothing to roll back to")
    refused(on_trained("rollback", "v2", "--reason", "nor is this"), "A rollback left v2, and never leads back to it.")
    assert registry.holder("champion").version == "v1"


def test_rollback_to_a_named_version(on_live, registry):
    answer = on_live("rollback", "v1", "--reason", "it was not better")
    assert answer.code == 0
    assert "it was not better" in answer.out
    assert registry.holder("champion").version == "v1"


def test_rollback_without_a_holder_before_says_so(on_trained):
    message = "No version held champion before that a rollback has not left: there is nothing to roll back to."
    refused(on_trained("rollback", "--reason", "it was not better"), message)


def test_compare_scores_the_same_rows_with_both(on_live):
    answer = on_live("compare", "v1", "champion")
    assert answer.code == 0
    assert "On the same 288 holdout rows" in answer.out
    assert "v1" in answer.out
    assert "v2" in answer.out


@pytest.mark.slow
def test_compare_holds_two_versions_against_what_became_of_their_predictions(on_live, live_home):  # noqa: ARG001
    for job, hours in (("predictions_only", LIVE_HOURS[:4]), ("outcomes_only", DUE_HOURS[:4])):
        config = {"ops": {"predictions": {"config": {"versions": ["v1", "v2"]}}}} if "pred" in job else {}
        Runner().run_hours(job, hours, config)
    answer = on_live("compare", "v1", "v2")
    assert answer.code == 0
    assert "On 48 predictions of both" in answer.out
    assert "informedness" in answer.out


def test_compare_judges_by_evaluation_yaml_and_says_whether_they_are_told_apart(on_live, tmp_path):
    few = "instruments tell something, asked are 20."
    assert few in on_live("compare", "v1", "v2").out
    settings = {
        "injection": {"seeds": 1, "days": 1, "rounds": 6, "instrument_share": 0.4},
        "comparison": {"min_instruments": 2, "refits": 1, "bootstrap_samples": 100},
    }
    (tmp_path / "configs" / "evaluation.yaml").write_text(yaml.safe_dump(settings))
    said = on_live("compare", "v1", "v2").out
    assert re.search(r"v1 is [a-z ]+ (from|than) v2 at finding planted anomalies: .* 95% interval .* to ", said)


def test_compare_without_a_holdout_says_what_to_do(on_trained, own_home):
    store = open_artifacts(str(own_home / "artifacts"))
    shutil.rmtree(own_home / "artifacts" / "eval_holdout")
    assert store.keys("eval_holdout") == []
    refused(on_trained("compare", "v1", "v2"), "No holdout is frozen yet. Materialize eval_holdout for a day.")


def test_a_version_is_trained_again_and_found_the_same(on_trained, own_home):
    answer = on_trained("retrain", "--verify", "v3")
    assert answer.code == 0
    assert "the same to the last bit" in answer.out
    (own_home / "artifacts" / "training_dataset" / "2026-01-04" / "rows.parquet").write_bytes(b"other rows")
    refused(on_trained("retrain", "--verify", "v3"), "rows.parquet")
