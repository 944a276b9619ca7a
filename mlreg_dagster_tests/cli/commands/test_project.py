"""The commands that set up a project, and the project that they make, run as users run it."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from mlreg_dagster.config import shipped
from mlreg_dagster.config.new_project import make_project
from mlreg_dagster.orchestration.resources import WarehouseResource
from mlreg_dagster_tests.lifecycle import Lifecycle

PROGRAM = [sys.executable, "-m", "mlreg_dagster.cli"]


def _mlreg(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    ours = ("MLREG_HOME", "DAGSTER_HOME", "MLREG_CONFIG_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    command = [*PROGRAM, *arguments]
    return subprocess.run(command, cwd=folder, env=environment | variables, capture_output=True, text=True)


def test_a_project_is_made_and_found_again(tmp_path):
    (other := tmp_path / "other").mkdir()
    made = _mlreg(tmp_path, "init", "shop", DAGSTER_HOME=str(other))
    assert list(other.iterdir()) == []  # what the shell names is left alone
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == f"The project is in {tmp_path / 'shop'}. Go on with: cd shop && mlreg demo\n"
    home = tmp_path / "shop" / ".mlreg"
    assert (home / "dagster" / "dagster.yaml").samefile(tmp_path / "shop" / "dagster.yaml")  # for Dagster's commands
    answer = _mlreg(tmp_path / "shop", "env", DAGSTER_HOME=str(tmp_path / "elsewhere"))
    assert answer.stdout == f"export MLREG_HOME={home}\nexport DAGSTER_HOME={home / 'dagster'}\n"


def test_a_folder_that_is_not_empty_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "notes.txt").touch()
    answer = _mlreg(tmp_path, "init")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"mlreg: {tmp_path} is not an empty folder. Name a new one: `mlreg init shop`.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_the_runbook_can_be_read_without_the_repository(mlreg):
    assert mlreg("runbook").out == shipped("docs/runbook.md").read_text(encoding="utf-8") + "\n"


def test_the_code_location_of_a_project_is_the_graph_and_its_own_assets(live: Lifecycle, tmp_path, monkeypatch):
    folder = make_project(tmp_path / "shop")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    from defs import defs, watchlist

    before = os.umask(0o022)
    try:
        loaded = defs.load_fn()
    finally:
        os.umask(before)
    names = {key.to_user_string() for key in loaded.resolve_asset_graph().get_all_asset_keys()}
    assert {"market_snapshot", "champion_model", "watchlist"} <= names
    warehouse = WarehouseResource(database=str(live.home / "warehouse.duckdb"))
    result = dg.materialize([watchlist], resources={"mlreg_warehouse": warehouse})
    flagged = result.asset_materializations_for_node("watchlist")[0].metadata["hours_flagged"].value
    counted = live.warehouse.query("SELECT count(*) AS n FROM predictions WHERE is_anomaly AND role = 'champion'")
    assert 0 < flagged <= counted["n"].iloc[0]


@pytest.mark.slow
def test_dagster_finds_the_code_location_without_being_told(tmp_path):
    folder = make_project(tmp_path / "shop")
    assert _mlreg(folder, "env").returncode == 0
    command = [sys.executable, "-m", "dagster", "definitions", "validate"]
    environment = {name: value for name, value in os.environ.items() if name not in ("MLREG_HOME", "DAGSTER_HOME")}
    answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "watchlist" not in answer.stderr
