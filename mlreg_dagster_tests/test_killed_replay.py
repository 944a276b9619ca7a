"""`mlreg replay`, killed at random moments and started again, ends like one that nobody killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from mlreg_dagster.config import PROJECT_DIR
from mlreg_dagster.hours import HOUR, day_key, hour_key, hour_range
from mlreg_dagster.runner import prepare_home
from mlreg_dagster_tests.lifecycle import LIVE, START, Lifecycle, write_configs
from mlreg_dagster_tests.test_replay import END, assert_same, moves

KILLS = int(os.environ.get("MLREG_KILLS", "3"))
"""More of them for a thorough look: MLREG_KILLS=10."""

REPLAY = ["replay", "--from", day_key(LIVE), "--to", day_key(END - HOUR), "--retrain", "daily", "--report"]


class Commands:
    """The command in a home of its own, with the settings of the small lifecycle."""

    def __init__(self, folder: Path) -> None:
        self.home, self.report = folder / "home", folder / "replay.html"
        configs = write_configs(folder / "configs")
        given = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
        self.env = given | {"MLREG_HOME": str(self.home), "MLREG_CONFIG_DIR": str(configs), "COLUMNS": "200"}

    def start(self) -> subprocess.Popen:
        command = [sys.executable, "-W", "ignore", "-m", "mlreg_dagster.cli", *REPLAY, str(self.report)]
        return subprocess.Popen(
            command, cwd=PROJECT_DIR, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def finish(self) -> float:
        """Seconds that it takes to the end."""
        begun = time.monotonic()
        process = self.start()
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors[-3000:]
        return time.monotonic() - begun

    def kill_after(self, seconds: float) -> bool:
        """Whether it was still running then."""
        process = self.start()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        return process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_at_random_moments_it_ends_like_one_that_nobody_killed(tmp_path: Path, monkeypatch) -> None:
    unbroken, broken = (Commands(tmp_path / name) for name in ("unbroken", "broken"))
    seconds = unbroken.finish()
    chance = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID"))
    moments = [chance.uniform(0.2, 0.9) * seconds for _ in range(KILLS)]
    killed = [broken.kill_after(moment) for moment in moments]
    broken.finish()

    worlds = []
    for commands in (unbroken, broken):
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        for name, value in prepare_home(commands.home).items():
            monkeypatch.setenv(name, value)
        with dg.DagsterInstance.get() as instance:
            world = Lifecycle(commands.home, instance=instance)
            for asset in ("market_snapshot", "market_features", "predictions", "prediction_outcomes"):
                first = LIVE if asset.startswith("prediction") else START
                assert world.has_made(asset, map(hour_key, hour_range(first, END - HOUR))), (asset, moments)
            worlds.append(world)
    assert any(killed), moments
    assert moves(worlds[0]), "with these settings at least one version passes its gates"
    assert_same(*worlds)
    assert _versions(worlds[0]) == _versions(worlds[1]), moments
    assert broken.report.read_text() == unbroken.report.read_text()


def _versions(world: Lifecycle) -> list[tuple]:
    """Manifests and gates; a version that lost its process before it was registered was trained again."""
    registry = world.registry
    found = []
    for version in registry.versions():
        manifest = {name: value for name, value in version.manifest.items() if name != "version"}
        evaluation = registry.latest_evaluation(version.version)
        found.append((manifest, evaluation and [(gate.name, gate.value, gate.passed) for gate in evaluation.gates]))
    return found
