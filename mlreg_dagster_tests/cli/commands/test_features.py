"""`mlreg features` measures a version, and selects for a model file; by itself it says which of both there are."""

import json

import pytest
import yaml

from mlreg_dagster_tests.cli.test_json import keys_of
from mlreg_dagster_tests.commands import refused


def test_what_is_done_is_said_by_a_command(on_trained):
    answer = on_trained("features", "measure", "v1", "--refits", "0", "--json")
    assert answer.code == 0, answer
    found = json.loads(answer.out)
    assert set(found) == keys_of("features measure")
    assert (found["version"], found["refits"]) == ("v1", 0)
    assert "No such command 'v1'" in on_trained("features", "v1").err
    told = on_trained("features")
    assert "measure" in told.out + told.err
    assert "select" in told.out + told.err


@pytest.mark.slow
def test_a_list_is_proposed_and_written_and_nothing_is_registered(on_trained, registry, tmp_path):
    before, file = registry.audit_log(), tmp_path / "list" / "features.yaml"
    (tmp_path / "configs" / "outcomes.yaml").write_text("horizon_hours: 6\n")
    how = ("--model", "model_forest", "--folds", "1", "--seeds", "1", "--refits", "2")
    answer = on_trained("features", "select", *how, "--write", str(file), "--json")
    assert answer.code == 0, answer
    found = json.loads(answer.out)
    assert set(found) == keys_of("features select")
    assert set(found["families"][0]) == keys_of("feature_families", "object")
    assert set(found["ablation"][0]) == keys_of("ablation_lists", "object")
    assert (found["model"], found["dataset_day"], len(found["folds"])) == ("model_forest", "2026-01-04", 1)
    assert {each["name"] for each in found["ablation"]} >= {"all", "without volume"}
    assert yaml.safe_load(file.read_text()) == {"features": found["features"]}
    assert registry.audit_log() == before


def test_a_day_that_is_not_frozen_is_refused(on_trained):
    refused(on_trained("features", "select", "--day", "2026-01-03"), "No training dataset is frozen for '2026-01-03'")
