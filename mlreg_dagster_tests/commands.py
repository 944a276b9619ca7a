"""`mlreg` as its entry point calls it, on homes of the tests."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from mlreg_dagster import cli
from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.lifecycle import write_configs


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def mlreg(
    dagster_home: Path,  # noqa: ARG001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Answer]:
    """Call `mlreg` as its entry point does, on the home of the test."""
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(write_configs(tmp_path / "configs")))
    monkeypatch.setenv("MLREG_ACTOR", "anna")

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["mlreg", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return call


@pytest.fixture
def on_trained(mlreg: Callable[..., Answer], own_home: Path, trained_home: Path) -> Callable[..., Answer]:
    shutil.copytree(trained_home, own_home)
    return mlreg


@pytest.fixture
def on_live(mlreg: Callable[..., Answer], own_home: Path, live_home: Path) -> Callable[..., Answer]:
    shutil.copytree(live_home, own_home)
    return mlreg


@pytest.fixture
def registry(own_home: Path) -> Registry:
    return Registry(f"sqlite:///{own_home / 'registry.sqlite'}")


def refused(answer, message):
    """Exit code 1, the message for people, no traceback."""
    assert (answer.code, answer.out) == (1, "")
    assert message in answer.err
    assert answer.err.startswith("mlreg: ")
    assert "Traceback" not in answer.err
    assert "Stack Trace" not in answer.err
