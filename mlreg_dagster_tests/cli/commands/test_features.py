"""`mlreg features`: measures a version by default, as before, and selects for a model file."""

import json

import pytest
import yaml

from mlreg_dagster_tests.cli.test_json import keys_of
from mlreg_dagster_tests.commands import refused


def test_a_version_alone_is_measured(on_trained):
    answer = on_trained("features", "v1", "--refits", "0", "--json")
    assert answer.code == 0, answer
    found = json.loads(answer.out)
    assert found == json.loads(on_trained("features", "measure", "v1", "--refits", "0", "--json").out)
    assert (found["version"], found["refits"]) == ("v1", 0)


@pytest.mark.slow
def test_a_list_is_proposed_and_written_and_nothing_is_registered(on_trained, registry, tmp_path):
    before, file = registry.audit_log(), tmp_path / "list" / "features.yaml"
    (tmp_path / "configs" / "outcomes.yaml").write_text("horizon_hours: 6\n")
    how = ("--model", "model_forest", "--folds", "2", "--seeds", "1", "--refits", "2")
    answer = on_trained("features", "select", *how, "--write", str(file), "--json")
    assert answer.code == 0, answer
    found = json.loads(answer.out)
    assert set(found) == keys_of("features select")
    assert set(found["groups"][0]) == keys_of("feature_groups", "object")
    assert set(found["ablation"][0]) == keys_of("ablation_lists", "object")
    assert (found["model"], found["dataset_day"], len(found["folds"])) == ("model_forest", "2026-01-04", 2)
    assert {each["name"] for each in found["ablation"]} >= {"all", "without volume_24h"}
    assert yaml.safe_load(file.read_text()) == {"features": found["features"]}
    assert registry.audit_log() == before


def test_a_day_that_is_not_frozen_is_refused(on_trained):
    refused(on_trained("features", "select", "--day", "2026-01-03"), "No training dataset is frozen for '2026-01-03'")
