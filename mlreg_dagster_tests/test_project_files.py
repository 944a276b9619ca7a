import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from mlreg_dagster_tests.repository import PROJECT_DIR


def test_the_constraints_are_pins_and_nothing_else():
    lines = (PROJECT_DIR / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", pin)] == []
    assert len({pin.split("==")[0].lower() for pin in pins}) == len(pins) > 100


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 2), (["dmeo"], 2)])
def test_bootstrap_tells_its_commands(arguments, code):
    answer = subprocess.run([sys.executable, PROJECT_DIR / "bootstrap.py", *arguments], capture_output=True, text=True)
    assert answer.returncode == code
    assert all(f"python3 bootstrap.py {command}" in answer.stdout for command in ("demo", "test", "setup"))


def test_the_package_says_what_it_is_and_under_which_licence():
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE"])
    assert "Apache License" in (PROJECT_DIR / "LICENSE").read_text(encoding="utf-8")
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)} <= set(project["classifiers"])
    assert "Typing :: Typed" in project["classifiers"]
    assert (PROJECT_DIR / "mlreg_dagster" / "py.typed").is_file()
    assert "authors" not in project


def test_a_commit_is_checked_as_ci_checks():
    hooks = yaml.safe_load((PROJECT_DIR / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]  # nothing is downloaded
    of_hooks = {" ".join(hook["entry"].split()[:2]) for hook in hooks[0]["hooks"]}
    script = (PROJECT_DIR / ".ci" / "run").read_text(encoding="utf-8")
    of_ci = {" ".join(line.split()[:2]) for line in script.splitlines() if line.lstrip().startswith(".venv/bin/")}
    own = ("page_commands", "python -c")  # the demo with the documentation, and what is compiled before the tests
    assert of_hooks == {command for command in of_ci if not any(word in command for word in own)}
