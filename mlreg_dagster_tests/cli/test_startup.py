"""What commands load: those that only ask the registry answer without what the graph takes."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.registry.builders import open_incident

HEAVY = (
    "dagster",
    "pandas",
    "scipy",
    "sklearn",
    "skops",
    "onnx",
    "numba",
    "matplotlib",
    "pandera",
    "alembic",
    "mlflow",
)
COMMANDS = (
    ["env"],
    ["champion"],
    ["champion", "--as-of", "2026-01-05T12:00"],
    ["history"],
    ["status"],
    ["audit", "verify"],
    ["audit", "export"],
    ["audit", "schema"],
    ["schema", "card"],
    ["decisions", "v1"],
    ["refusals"],
    ["policy", "show"],
    ["branch", "list"],
    ["alerts"],
    ["alerts", "--past", "3"],
    ["incident", "list"],
    ["incident", "show", "1"],
    ["--version"],
    ["--help"],
)
PROGRAM = f"""
import contextlib, io, json, runpy, sys
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["mlreg", *arguments]
    said, code = io.StringIO(), 0
    with contextlib.redirect_stdout(said):
        try:
            runpy.run_module("mlreg_dagster.cli", run_name="__main__")
        except SystemExit as stop:
            code = stop.code or 0
    print(json.dumps([code, len(said.getvalue()), [name for name in {HEAVY} if name in sys.modules]]))
"""


@pytest.fixture
def loaded(own_home, dagster_home, live_home, tmp_path):
    shutil.copytree(live_home, own_home)
    open_incident(Registry(f"sqlite:///{own_home / 'registry.sqlite'}"))

    def by(*commands):
        """Of each command, one after the other in a fresh process: exit code, length of the answer, heavy libraries."""
        environment = os.environ | {"DAGSTER_HOME": str(dagster_home)}
        answer = subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps(commands)],
            capture_output=True, text=True, check=True, env=environment, cwd=tmp_path,
        )  # fmt: skip
        return [json.loads(line) for line in answer.stdout.splitlines()]

    return by


def test_questions_load_neither_dagster_nor_what_the_graph_takes(loaded):
    for command, (code, length, heavy) in zip(COMMANDS, loaded(*COMMANDS), strict=True):
        blind = command == ["audit", "verify"]  # runs of this home are not known here: no record has a witness
        assert (code, heavy) == (int(blind), []), command
        assert length > 0, command


def test_where_only_dagster_can_tell_what_runs_reported_it_is_asked(loaded, dagster_home):
    config = dagster_home / "dagster.yaml"
    config.write_text(
        config.read_text() + "local_artifact_storage:\n  module: dagster.core.storage.root\n"
        f"  class: LocalArtifactStorage\n  config:\n    base_dir: {dagster_home}\n"
    )
    ((code, _, heavy),) = loaded(["champion"])
    assert code == 0
    assert "dagster" in heavy


def test_how_a_rollout_stands_is_told_without_dagster(loaded):
    ((code, length, heavy),) = loaded(["rollout", "status"])
    assert (code, length > 0) == (0, True)
    assert "dagster" not in heavy
