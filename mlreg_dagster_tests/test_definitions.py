import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from mlreg_dagster.config import ConfigError, load_settings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.definitions import build_definitions
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.gates import GATES
from mlreg_dagster.orchestration.metadata import MARKET_ENDS_WITH
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.verification.expected import WITH_FRESHNESS
from mlreg_dagster_tests.graph import SNAPSHOT, describe_graph, project_definitions
from mlreg_dagster_tests.repository import PROJECT_DIR

FEATURES = features_table(load_settings(PROJECT_DIR / "configs").features)
TABLES = {
    "market_snapshot": MARKET_SNAPSHOT,
    "market_features": FEATURES,
    "training_dataset": FEATURES,
    "eval_holdout": FEATURES,
    "predictions": PREDICTIONS,
    "prediction_outcomes": PREDICTION_OUTCOMES,
    "model_performance": MODEL_PERFORMANCE,
}
HEAVY = (
    *("sklearn", "skops", "matplotlib", "scipy", "httpx", "joblib", "numba", "onnx", "onnxruntime", "pandera"),
    "dagster._core.storage.event_log.sqlite",
)

ROOMS = {"market", "datasets", "models", "outcomes", "serving", "monitoring", "governance", "evidence"}


@pytest.fixture(scope="module")
def definitions():
    return project_definitions()


@pytest.fixture(scope="module")
def specs(definitions):
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


# --- the graph as it was agreed on ---------------------------------------------------------------------------


def test_the_graph_is_the_one_that_was_reviewed(definitions):
    assert describe_graph(definitions) == json.loads(SNAPSHOT.read_text()), (
        "The graph differs from graph.json. If that is meant, write it again, look at its diff and commit it: "
        "python -m mlreg_dagster_tests.graph"
    )


def test_every_asset_says_what_it_is_and_whose(specs):
    for name, spec in specs.items():
        assert spec.description, name
        assert spec.owners, name
        assert spec.kinds, name
        assert spec.group_name in ROOMS, name


@pytest.mark.parametrize(("now", "watched"), [("2026-01-23T23:59", True), ("2026-01-24T00:00", False)])
def test_nothing_is_overdue_once_the_market_has_ended(now, watched):
    settings = load_settings(PROJECT_DIR / "configs")
    assert settings.ingest.end == as_hour("2026-01-24")
    definitions = build_definitions(settings, home=Path("home"), resources={"clock": Clock(fixed=now)})
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    assert {name for name, spec in specs.items() if spec.freshness_policy} == (
        set(WITH_FRESHNESS) if watched else set()
    )
    assert specs["market_snapshot"].metadata[MARKET_ENDS_WITH] == "2026-01-23-23:00"


def test_every_table_shows_its_columns(specs):
    for name, table in TABLES.items():
        columns = specs[name].metadata["dagster/column_schema"].columns
        assert [column.name for column in columns] == list(table.columns), name
        assert all(column.description for column in columns), name


def test_every_check_and_every_job_says_what_it_is_for(definitions):
    graph = definitions.resolve_asset_graph()
    assert [key for key in graph.asset_check_keys if not graph.get_check_spec(key).description] == []
    assert [
        job.name for job in definitions.resolve_all_job_defs() if not (job.name[:2] == "__" or job.description)
    ] == []


def test_every_gate_is_a_check_of_the_version(definitions):
    graph = definitions.resolve_asset_graph()
    keys = graph.get_check_keys_for_assets({dg.AssetKey("evaluated_model")})
    assert {key.name for key in keys} == set(GATES)
    assert {graph.get_check_spec(key).partitions_def.name for key in keys} == {"model_version"}


# --- loading -------------------------------------------------------------------------------------------------


def test_the_definitions_can_be_loaded(definitions):
    dg.Definitions.validate_loadable(definitions)


def test_a_resource_can_be_replaced(tmp_path):
    source = object()
    resources = build_definitions(home=tmp_path, resources={"source": source}).resources
    assert resources["mlreg_source"].value is source
    assert resources["mlreg_warehouse"].value.database == str(tmp_path / "warehouse.duckdb")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("univers: 3", "ingest.yaml: univers: unknown key"),
        (
            "checks: {completeness_columns: [price, volume]}",
            "ingest.yaml: checks.completeness_columns: market_snapshot has no column volume",
        ),
    ],
)
def test_a_config_error_stops_the_loading(tmp_path, monkeypatch, text, complaint):
    (tmp_path / "ingest.yaml").write_text(text)
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match=complaint):
        build_definitions()


def test_loading_imports_nothing_heavy():
    program = (
        "import sys, mlreg_dagster.definitions as module; module.build_definitions(); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_commands_that_check_definitions_accept_them(own_home):
    bin_dir = Path(sys.executable).parent
    commands = [
        [bin_dir / "dagster", "definitions", "validate"],
        [bin_dir / "dg", "check", "defs"],
    ]
    running = [
        subprocess.Popen(
            command, cwd=PROJECT_DIR, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for command in commands
    ]
    said = [process.communicate(timeout=1800)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(said)
    assert "All code locations passed validation" in said[0]
    assert not own_home.exists()  # looking at the graph makes nothing
