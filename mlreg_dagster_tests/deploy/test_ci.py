"""The workflow of deploy/ci: its form, and its commands as a runner of GitHub Actions runs them, on a home."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from mlreg_dagster.cli.app import app
from mlreg_dagster_tests.lifecycle import CONFIGS, Lifecycle, write_configs
from mlreg_dagster_tests.repository import PROJECT_DIR

FILE = PROJECT_DIR / "deploy" / "ci" / "models.yml"
WORKFLOW = yaml.safe_load(FILE.read_text(encoding="utf-8"))
JOBS = WORKFLOW["jobs"]
RUNS = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")


def validated(file: Path) -> subprocess.CompletedProcess[str]:
    """The public schema of workflows, as the validator ships it."""
    beside = Path(sys.executable).with_name("check-jsonschema")
    validator = str(beside) if beside.exists() else shutil.which("check-jsonschema")
    if validator is None:
        pytest.skip("check-jsonschema is not here")
    command = [validator, "--builtin-schema", "vendor.github-workflows", str(file)]
    return subprocess.run(command, capture_output=True, text=True)


def test_it_fits_the_public_schema_of_workflows(tmp_path):
    assert validated(FILE).returncode == 0, validated(FILE).stdout
    wrong = tmp_path / "models.yml"
    wrong.write_text(FILE.read_text(encoding="utf-8").replace("runs-on:", "runs_on:", 1), encoding="utf-8")
    assert validated(wrong).returncode == 1


def test_what_people_write_reaches_the_shell_as_variables_alone():
    assert not [run for run in RUNS if EXPRESSION.search(run)]


def test_the_workflow_may_read_and_does_not_run_the_code_of_forks():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "head.repo.full_name == github.repository" in JOBS["change"]["if"]
    assert all(not job.get("permissions") and job["timeout-minutes"] for job in JOBS.values())
    assert "secrets." not in FILE.read_text(encoding="utf-8")
    checkouts = [step for job in JOBS.values() for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False, False]


def test_its_commands_and_their_options_exist():
    known = typer.main.get_command(app).commands
    calls = [shlex.split(call) for run in RUNS for call in re.findall(r"^mlreg ([^|\n]*)", run, re.MULTILINE)]
    assert {call[0] for call in calls} == {"rehearse", "release"}
    for name, *words in calls:
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options


class Actions:
    """Runs the commands of a job as GitHub Actions does, but for the installation."""

    def __init__(self, world: Lifecycle, folder: Path) -> None:
        self.world, self.temp = world, folder / "temp"
        self.temp.mkdir()
        self.summary = folder / "summary.md"
        self.vars = {"vars.MLREG_HOME": str(world.home), "vars.MLREG_HOME_COPY": str(world.home), "github.actor": "eve"}

    def run(self, name: str, **values: object) -> tuple[int, dict]:
        """Run a job; gives its exit code, and the steps by name."""
        inputs = {f"inputs.{key}": value for key, value in values.items()}
        known = self.vars | {"matrix.model": "model"} | inputs
        environment = {key: str(known[EXPRESSION.fullmatch(text)[1]]) for key, text in JOBS[name]["env"].items()}
        environment |= {"RUNNER_TEMP": str(self.temp), "GITHUB_STEP_SUMMARY": str(self.summary)}
        environment |= {"MLREG_CONFIG_DIR": str(self.world.config_dir)}
        environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        code = 0
        for step in JOBS[name]["steps"]:
            if "run" in step and step.get("id") != "install" and self._is_due(step.get("if"), code, inputs):
                shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
                done = subprocess.run(
                    shell, env=os.environ | environment, cwd=self.temp, capture_output=True, text=True
                )
                code = code or done.returncode
                assert "Traceback" not in done.stderr, done.stderr
        return code, {each["name"]: each for each in json.loads((self.temp / "steps.json").read_text())["steps"]}

    @staticmethod
    def _is_due(condition: str | None, code: int, inputs: dict[str, object]) -> bool:
        if condition == "always()":
            return True
        conditions = {None: True, "inputs.dry_run": inputs.get("inputs.dry_run")}
        return code == 0 and bool(conditions.get(condition, not inputs.get("inputs.dry_run")))


@pytest.fixture
def actions(trained: Lifecycle, tmp_path: Path) -> Actions:
    """On a home whose champion is v1, with a limit that holds on a busy machine, too."""
    trained.promote("v1")
    write_configs(
        trained.config_dir, {"rollout": {"release": {"cpu_ratio": 3.0, "rounds": 40, "smoke_seconds": 3600.0}}}
    )
    return Actions(trained, tmp_path)


def failed(steps: dict) -> dict:
    return {name: step["detail"] for name, step in steps.items() if step["status"] != "passed"}


def everything_in(home: Path) -> dict[Path, bytes]:
    files = (path for path in home.rglob("*") if path.is_file() and ".lock" not in path.name)
    return {path: path.read_bytes() for path in files}


@pytest.mark.slow
def test_a_pull_request_of_features_policy_and_model_is_tried_on_a_copy_of_the_home(actions):
    before = everything_in(actions.world.home)
    change = {
        "features": {"lag_hours": [1], "rolling_hours": [24, 48]},
        "promotion": {"low": {"approvals": 1}},
        "model": {**CONFIGS["model"], "features": [*CONFIGS["model"]["features"], "slog_volume_24h_mean_48h"]},
    }
    for name, values in change.items():
        (actions.world.config_dir / f"{name}.yaml").write_text(yaml.safe_dump(values))
    code, steps = actions.run("change")
    assert (code, failed(steps)) == (0, {})
    assert list(steps) == ["policy", "dataset", "training", "gates", "performance", "smoke"]
    assert "promotion.low.approvals: 0 → 1" in steps["policy"]["figures"]["differences"]
    assert steps["dataset"]["figures"]["hours_computed_again"] == 144
    assert steps["training"]["figures"]["features"] == 6
    assert everything_in(actions.world.home) == before
    assert "hours_computed_again" in actions.summary.read_text()


@pytest.mark.slow
def test_a_release_is_a_dry_run_first_and_then_starts_the_rollout(actions):
    registry, why = actions.world.registry, "it costs less, $(touch x) and `finds` more"
    code, steps = actions.run("release", version="v2", reason=why, dry_run=True)
    assert (code, failed(steps)) == (0, {})
    assert registry.traffic("champion") is None
    code, steps = actions.run("release", version="v2", reason=why, dry_run=False)
    assert (code, failed(steps)) == (0, {})
    event = registry.traffic("champion")
    assert (event.candidate, event.champion, event.state, event.actor, event.reason) == (
        "v2", "v1", "staging", "eve", why,
    )  # fmt: skip
    assert registry.holder("champion").version == "v1"
    assert not (actions.temp / "x").exists()
