"""A sync that is killed at any point is healed by the next one.

With MLREG_LONG=1 it is killed after every call that writes; otherwise after some of them, spread over all.
"""

import itertools
import shutil
import signal
import subprocess
import sys

import pytest
from mlflow import MlflowClient

from mlreg_dagster.integrations.mlflow import mirror
from mlreg_dagster.integrations.mlflow.content import digest
from mlreg_dagster_tests.integrations.mlflow.conftest import copied
from mlreg_dagster_tests.integrations.mlflow.test_sync import NOW
from mlreg_dagster_tests.serving.running import LONG

pytestmark = pytest.mark.slow

WRITES = ("create", "set", "log", "delete", "update", "restore")


class Killed(BaseException):
    """As a signal ends a process: nothing catches it."""


class Dying(MlflowClient):
    """MLflow's client in a process that dies right after a call that wrote."""

    def __init__(self, uri, after):
        super().__init__(uri, uri)
        self.left = after


def _dying(name):
    def call(self, *values, **named):
        answer = getattr(MlflowClient, name)(self, *values, **named)
        self.left -= 1
        if self.left == 0:
            raise Killed
        return answer

    return call


for each in dir(MlflowClient):
    if each.split("_")[0] in WRITES:
        setattr(Dying, each, _dying(each))


def killed_at_calls(make, every):
    """Kill the sync of a world after its first call that writes, of another `every` calls later, and so on."""
    for after in itertools.count(1, 1 if LONG else every):
        world = make(after)
        client = Dying(world.place.uri, after)
        try:
            world.sync(client)
        except Killed:
            yield world
            shutil.rmtree(world.home)
        else:
            assert after > 2
            return


def whole(world):
    """That MLflow holds what it should, and everything is marked so."""
    again = world.sync()
    assert (again.calls, again.foreign, again.missing) == (0, (), ())
    found = mirror.read(world.client)
    assert found.spare == ()
    assert sorted(found.versions) == [1, 2, 3]
    for number, version in found.versions.items():
        assert version.run_id == found.runs[f"v{number}"].id
        assert version.mark == digest(version.version.facts)
    assert all(run.mark == digest(run.run.facts) for run in found.runs.values())
    assert dict(found.model.model.aliases)["champion"] == int(world.registry.holder("champion").version[1:])


@pytest.fixture(scope="module")
def empty_store(live_home, tmp_path_factory):
    """A database of MLflow that holds nothing: making its tables takes longer than all else."""
    world = copied(live_home, tmp_path_factory.mktemp("empty") / "home", mirrored=False)
    world.client.search_experiments()
    return world.home / "mlflow.sqlite"


def test_the_first_sync(live_home, empty_store, tmp_path, quick):  # noqa: ARG001
    def make(after):
        world = copied(live_home, tmp_path / f"home{after}", mirrored=False)
        shutil.copy(empty_store, world.home / "mlflow.sqlite")
        return world

    points = 0
    for points, world in enumerate(killed_at_calls(make, every=16), 1):  # noqa: B007
        assert world.look().foreign == ()
        assert world.sync().foreign == ()
        whole(world)
    assert points >= (20 if LONG else 3)


def _deleted_version(world):
    world.client.delete_model_version("mlreg", "2")


def _used_up_parameter(world):
    world.client.log_param(world.run("v2"), "mine", "1")


def _moves(world):
    world.writable.move_alias("champion", "v1", NOW, expected="v2")
    world.client.set_registered_model_alias("mlreg", "champion", "3")


@pytest.mark.parametrize("change", [_deleted_version, _used_up_parameter, _moves])
def test_a_sync_that_puts_back(synced_home, tmp_path, quick, change):  # noqa: ARG001
    def make(after):
        world = copied(synced_home, tmp_path / f"home{after}")
        change(world)
        return world

    for world in killed_at_calls(make, every=20):
        world.sync()
        whole(world)


PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from mlreg_dagster_tests.integrations.mlflow import conftest

conftest.mirror.build = conftest.quick_build
for wait in map(float, sys.argv[2:]):
    told, tell = os.pipe()
    process = os.fork()
    if not process:
        world = conftest.Mirrored(Path(sys.argv[1]))
        world.client
        os.write(tell, b"ready")
        world.sync()
        os._exit(0)
    assert os.read(told, 5) == b"ready"
    time.sleep(wait)
    os.kill(process, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"""


def test_real_kills(live_home, empty_store, tmp_path, quick):  # noqa: ARG001
    world = copied(live_home, tmp_path / "home", mirrored=False)
    shutil.copy(empty_store, world.home / "mlflow.sqlite")
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(world.home), "0.05", "0.2", "0.4", "0.7"]
    ends = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    assert ends.count(str(-signal.SIGKILL)) >= 2
    assert world.sync().foreign == ()
    whole(world)
