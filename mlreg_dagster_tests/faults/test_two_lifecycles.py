"""Two replays or demos on one home: the second ends before it has done anything, and says which process is there."""

import subprocess
import sys

import pytest
from rich.console import Console

from mlreg_dagster.cli.demo import run_demo
from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.orchestration.locks.lifecycle import HomeInUse, alone_on
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster_tests.faults import wording

pytestmark = pytest.mark.slow

HOLD = (
    "import sys\nfrom pathlib import Path\nfrom mlreg_dagster.orchestration.locks.lifecycle import alone_on\n"
    "with alone_on(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()"
)


@pytest.fixture
def holder(make_world):
    """An empty world, and a process that works on it."""
    world = make_world(None)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, world.home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield world, process
    process.kill()
    process.communicate()  # which also closes its pipe


def _demo(world):
    run_demo(world, Console(quiet=True))


def _replay(world):
    days = as_hour("2026-01-05"), as_hour("2026-01-06")
    run_replay(world, Replay(*days, 7, ("model",), PromotionSettings()), lambda *_: None)


@pytest.mark.parametrize("begin", [_demo, _replay])
def test_the_second_ends_and_names_the_first(holder, begin):
    world, process = holder
    with pytest.raises(
        HomeInUse, match=rf'{wording.SECOND_LIFECYCLE} .*Holder: {{"pid": {process.pid}, "command": ".+"'
    ):
        begin(world)
    assert world.instance.get_runs_count() == 0
    process.kill()
    process.wait()
    with alone_on(world.home):  # one that was killed stands in nobody's way
        pass


def test_one_after_the_other(tmp_path):
    for _ in range(2):
        with alone_on(tmp_path / "home"), pytest.raises(HomeInUse), alone_on(tmp_path / "home"):
            pass
