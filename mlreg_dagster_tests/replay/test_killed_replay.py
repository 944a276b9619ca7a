"""`mlreg replay`, killed at random moments and started again, ends like one that nobody killed."""

import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, day_key, hour_key, hour_range
from mlreg_dagster.storage.homes import prepare_home
from mlreg_dagster_tests import killable
from mlreg_dagster_tests.lifecycle import LIVE, START, Lifecycle, write_configs
from mlreg_dagster_tests.replay.test_run import END, moves, tables

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("MLREG_KILLS", "2"))
"""More of them for a thorough look: MLREG_KILLS=100."""

KILLS_A_HOME = 3
"""Then it is let through to the end, compared, and the next home is begun: one that is done has nothing to kill."""

REPLAY = ["replay", "--from", day_key(LIVE), "--to", day_key(END - HOUR), "--retrain", "daily", "--report"]


class Commands:
    """The command in a home of its own, with the settings of the small lifecycle."""

    def __init__(self, folder: Path) -> None:
        self.home, self.report = folder / "home", folder / "replay.html"
        self.killed: list[bool] = []
        configs = write_configs(folder / "configs")
        given = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
        self.environment = given | {"MLREG_HOME": str(self.home), "MLREG_CONFIG_DIR": str(configs)}
        self.output = folder / "output.txt"

    def start(self) -> killable.Process:
        return killable.start([*REPLAY, str(self.report)], self.environment, self.output)

    def finish(self) -> float:
        """Seconds that it takes to the end."""
        begun = time.monotonic()
        process = self.start()
        assert not killable.outlives(process, 3600), self.output.read_text()[-3000:]
        assert process.exitcode == 0, self.output.read_text()[-3000:]
        return time.monotonic() - begun

    def kill_after(self, seconds: float) -> bool:
        """Whether it was still running then."""
        process = self.start()
        killable.outlives(process, seconds)
        assert process.exitcode in (0, -signal.SIGKILL), self.output.read_text()[-3000:]
        self.killed.append(process.exitcode == -signal.SIGKILL)
        return self.killed[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_at_random_moments_it_ends_like_one_that_nobody_killed(tmp_path: Path) -> None:
    unbroken = Commands(tmp_path / "unbroken")
    seconds = unbroken.finish()
    with _opened(unbroken) as world:
        expected = _told(world)
        assert expected["moves"], "with these settings at least one version passes its gates"
    chance = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID"))
    kills, homes = 0, 0
    while kills < KILLS:
        homes += 1
        broken, moments = Commands(tmp_path / f"broken-{homes}"), []
        while len(moments) < min(KILLS_A_HOME, KILLS - kills):
            moments.append(chance.uniform(0.05, 0.8) * seconds)
            begun = time.monotonic()
            if not broken.kill_after(moments[-1]):
                seconds = time.monotonic() - begun if len(moments) == 1 else seconds  # the machine is less busy by now
                break
        else:
            broken.finish()
        kills += sum(broken.killed)
        print(f"home {homes}: killed {sum(broken.killed)} times, after {[round(moment, 1) for moment in moments]} s")
        with _opened(broken) as world:
            _assert_nothing_is_missing(world, moments)
            _assert_nothing_is_left_over(world)
            told = _told(world)
            for what, value in expected.items():
                _assert_equal(value, told[what], f"{what}, killed after {moments}")
            if world.registry.next_version() == f"v{len(expected['versions']) + 1}":  # else its pictures name others
                assert broken.report.read_text() == unbroken.report.read_text()
        shutil.rmtree(broken.home)


@contextmanager
def _opened(commands: Commands) -> Iterator[Lifecycle]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DAGSTER_HOME", raising=False)
        for name, value in prepare_home(commands.home).items():
            patch.setenv(name, value)
        with dg.DagsterInstance.get() as instance:
            yield Lifecycle(commands.home, instance=instance)


def _assert_nothing_is_missing(world: Lifecycle, moments: list[float]) -> None:
    """Every step of the lifecycle has recorded what it made."""
    for asset in ("market_snapshot", "market_features", "predictions", "prediction_outcomes"):
        first = LIVE if asset.startswith("prediction") else START
        assert world.has_made(asset, map(hour_key, hour_range(first, END - HOUR))), (asset, moments)
    days = [day_key(day) for day in pd.date_range(LIVE, END - HOUR, freq="D")]
    assert world.has_made("model_performance", days), moments


def _assert_nothing_is_left_over(world: Lifecycle) -> None:
    """No draft, no half bundle, no version without its evaluation or with two, no bundle that can't be read."""
    drafts = [
        path
        for path in world.home.rglob("*")
        if path.suffix in {".part", ".new", ".draft", ".wal"} or path.name == ".staging"
        if "dagster" not in path.relative_to(world.home).parts
    ]
    assert drafts == []
    for kind in ("models", "training_dataset", "eval_holdout"):
        folders = [path.name for path in (world.home / "artifacts" / kind).iterdir()]
        assert sorted(folders) == world.artifacts.keys(kind)
        for key in folders:
            world.artifacts.read(kind, key)
    for version in world.registry.versions():
        world.artifacts.read("models", version.version, version.artifact_sha256)
        assert len(world.registry.evaluations(version.version)) == 1


def _told(world: Lifecycle) -> dict[str, Any]:
    """All that was made; versions by their order, for one whose process was killed was trained again as the next."""
    versions = world.registry.versions()
    order = {version.version: f"version {number}" for number, version in enumerate(versions)}
    made: dict[str, Any] = {"moves": [(order[name], when, _unnamed(reason)) for name, when, reason in moves(world)]}
    for name, frame in tables(world).items():
        named = frame.columns.intersection(["model_version"])
        made[name] = frame.assign(**{column: frame[column].map(order) for column in named})
    for kind in ("training_dataset", "eval_holdout"):
        made[kind] = {key: world.artifacts.read(kind, key) for key in world.artifacts.keys(kind)}
    made["versions"] = []
    for version in versions:
        manifest = {name: value for name, value in version.manifest.items() if name != "version"}
        evaluation = world.registry.latest_evaluation(version.version)
        gates = evaluation and [(gate.name, gate.value, gate.passed) for gate in evaluation.gates]
        made["versions"].append((manifest, gates))
    return made


def _unnamed(reason: str) -> str:
    return re.sub(r"\bv\d+\b", "a version", reason)


def _assert_equal(left: Any, right: Any, what: str) -> None:
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right, check_exact=True, obj=what)
    else:
        assert left == right, what
