"""A project with its own detector, source, feature, gate, notifier and asset runs the lifecycle."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, as_hour, day_key, hour_range
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.runner import asset_config
from mlreg_dagster_tests import lifecycle
from mlreg_dagster_tests.examples.conftest import EXAMPLES, MODULES
from mlreg_dagster_tests.examples.markets import write_tables
from mlreg_dagster_tests.lifecycle import Lifecycle, metadata, verdicts

GATE, FEATURE = "flags_spread_over_instruments", "range_24h_pct"


@pytest.fixture(scope="module")
def project():
    """examples/project/defs.py."""
    spec = importlib.util.spec_from_file_location("project_defs", EXAMPLES / "project" / "defs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    tables = write_tables(folder, hour_range(as_hour("2025-12-20"), lifecycle.END - HOUR))
    features = ["change_1h_pct", "change_24h_pct", "volatility_7d_pct", "slog_volume_24h", FEATURE]
    return {
        "extensions": {"modules": MODULES},
        "ingest": {"start": lifecycle.START.isoformat(), "universe": 12, "source": "wide_csv", "params": tables},
        "features": {"lag_hours": [1], "rolling_hours": [24], "own": {FEATURE: "1"}},
        "model": {
            "detector": "one_class_svm",
            "params": {"nu": 0.1},
            "contamination": 0.03,
            "features": features,
        },
        "evaluation": {
            "injection": {"seeds": 1, "rounds": 2},
            "gates": {GATE: {"at_least": 0.1}},
        },
        "notifications": {"notifier": "json_lines", "params": {"path": str(folder / "notices.jsonl")}},
    }


CLIENT = """
from mlreg_dagster import Client
client = Client()
first, last = "2026-01-05T00:00", "2026-01-05T11:00"
model, predicted = client.load_model("champion"), client.predictions(first, last)
print(model.version, bool((model.score(client.features(first, last)) == predicted["score"]).all()))
"""


def asked_elsewhere(world):
    """What a program says that uses the client in a process of its own, where nothing is registered yet."""
    environment = {
        **os.environ,
        "MLREG_CONFIG_DIR": str(world.config_dir),
        "PYTHONPATH": os.pathsep.join([str(EXAMPLES), str(EXAMPLES.parent)]),
        "MLREG_HOME": str(world.home),
    }
    command = [sys.executable, "-W", "ignore", "-c", CLIENT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200)
    return done.stdout.strip() or done.stderr[-500:]


@pytest.mark.slow
def test_the_lifecycle_of_a_project_with_everything_of_its_own(tmp_path, configs, project):
    world = Lifecycle(tmp_path / "home", configs)
    world.run_hours(jobs.MARKET, lifecycle.MARKET_HOURS)
    world.run_partition(jobs.DATASETS, day_key(lifecycle.DATASET_DAY))
    version = world.train({"actor": "tester"})
    manifest = world.registry.version(version).manifest
    assert manifest["plugin"] == {
        "name": "own_detector",
        "version": "unknown",
        "types": ["sklearn.svm._classes.OneClassSVM"],
    }
    assert manifest["features"][-1] == FEATURE
    assert manifest["feature_settings"]["own"] == {FEATURE: "1"}

    world.add_version(version)
    evaluated = world.attempt("evaluated_model", key=version, config={"actor": "tester"})
    assert verdicts(evaluated)[GATE], metadata(evaluated, "evaluated_model")
    assert world.registry.status(version) == "evaluated", verdicts(evaluated)
    evaluation = world.registry.latest_evaluation(version)
    assert {gate.name: gate.threshold for gate in evaluation.gates}[GATE] == "at least 0.1"
    assert evaluation.thresholds["gates"] == {GATE: {"at_least": 0.1, "at_most": None}}

    world.promote(version, lifecycle.LIVE)
    world.run_hours(jobs.PREDICTIONS, lifecycle.LIVE_HOURS)
    world.run_hours(jobs.OUTCOMES, lifecycle.DUE_HOURS)
    world.run_partition(jobs.PERFORMANCE, day_key(lifecycle.DUE))
    for table in (PREDICTIONS, PREDICTION_OUTCOMES, MODEL_PERFORMANCE):
        rows = world.warehouse.read(table)
        assert version in set(rows["model_version"]), table.name

    assert asked_elsewhere(world) == f"{version} True"

    merged = dg.Definitions.merge(world.definitions, project.own)
    graph = merged.resolve_asset_graph()
    selection = dg.AssetSelection.assets("champion_note").resolve(graph)
    job = merged.resolve_implicit_global_asset_job_def().get_subset(asset_selection=selection)
    noted = job.execute_in_process(instance=world.instance)
    assert metadata(noted, "champion_note") == {"champion": version, "published_to": "a registry of the shop"}

    program = f"from mlreg_dagster import Client; print(Client().load_model({version!r}).manifest['plugin']['name'])"
    environment = {
        **os.environ,
        "MLREG_HOME": str(world.home),
        "MLREG_CONFIG_DIR": str(world.config_dir),
        "PYTHONPATH": os.pathsep.join([str(EXAMPLES), str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-c", program]  # a process in which no definitions were built
    answer = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert answer.stdout.strip() == "own_detector", answer.stderr

    bundle = world.attempt("delivery_bundle", key=version)
    assert bundle.success
    card = "".join(path.read_text() for path in (tmp_path / "home").rglob("*.md")).replace("\\", "")
    assert "sklearn.svm._classes.OneClassSVM" in card
    assert "Highest over lowest price of the last 24 h" in card
    assert GATE in card


@pytest.mark.slow
def test_a_gate_that_is_taken_away_does_not_vanish(tmp_path, configs):
    world = Lifecycle(tmp_path / "home", configs)
    world.run_hours(jobs.MARKET, lifecycle.MARKET_HOURS)
    world.run_partition(jobs.DATASETS, day_key(lifecycle.DATASET_DAY))
    version = world.train({"actor": "tester"})
    without = {**configs, "extensions": {"modules": []}, "evaluation": {"injection": {"seeds": 1, "rounds": 2}}}
    from mlreg_dagster.extensions.gates import GATES

    gate = GATES._entries.pop(GATE)
    try:
        later = Lifecycle(tmp_path / "home", without, instance=world.instance, adopts=False)
        later.run_partition(jobs.EVALUATE, version, asset_config("evaluated_model", {"actor": "tester"}))
        assert later.registry.evaluations(version)[-1].is_experiment
        refused = later.ask_for({"version": version, "reason": "a test wants it", "actor": "tester"})
        assert "gates" in lifecycle.failure(refused) or "experiment" in lifecycle.failure(refused)
    finally:
        GATES._entries[GATE] = gate


@pytest.mark.slow
def test_dagster_loads_the_project(tmp_path):
    environment = {
        **os.environ,
        "MLREG_CONFIG_DIR": str(EXAMPLES / "project" / "configs"),
        "PYTHONPATH": os.pathsep.join([str(EXAMPLES), str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")]),
        "MLREG_HOME": str(tmp_path / "home"),
    }
    command = [Path(sys.executable).parent / "dagster", "definitions", "validate", "-f", "examples/project/defs.py"]
    done = subprocess.run(command, cwd=EXAMPLES.parent, env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_project_has_an_asset_of_its_own_in_one_graph(tmp_path, project, configs, monkeypatch):
    folder = lifecycle.write_configs(tmp_path / "configs", configs)
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(folder))
    definitions = dg.Definitions.merge(project.build_definitions(), project.own)
    keys = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert {"champion_note", "champion_model", "delivery_bundle"} <= keys
    assert {"registry", "mlreg_registry"} <= set(definitions.resources)
    checks = {key.name for key in definitions.resolve_asset_graph().asset_check_keys}
    assert GATE in checks
