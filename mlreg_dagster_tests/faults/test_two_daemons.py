"""Two daemons on one home: the second ends before it has done anything, and says who is there."""

import contextlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from mlreg_dagster.orchestration.locks.daemon import DaemonLock, DaemonRunsAlready
from mlreg_dagster.storage.homes import prepare_home
from mlreg_dagster_tests.faults import wording
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals")]

NOTHING = "import dagster\ndefs = dagster.Definitions()\n"


@pytest.fixture
def start(dagster_home, tmp_path):
    """Start a daemon on the home; all of them are killed in the end."""
    location = tmp_path / "nothing.py"
    location.write_text(NOTHING)
    started = []

    def begin() -> subprocess.Popen:
        command = [sys.executable, "-m", "dagster._daemon", "run", "-f", location]
        environment = {**os.environ, "DAGSTER_HOME": str(dagster_home), "MLREG_HOME": str(tmp_path)}
        with (tmp_path / f"daemon-{len(started)}.txt").open("w+") as log:
            process = subprocess.Popen(
                command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        started.append(process)
        return process

    yield begin
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)


@pytest.fixture
def senders(dagster_home: Path):
    """Gives the ids of the daemons whose heartbeats stand in the home."""
    prepare_home()
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        yield lambda: {beat.daemon_id for beat in instance.get_daemon_heartbeats().values()}


def test_the_second_ends_and_names_the_first(start, senders, dagster_home: Path, tmp_path: Path):
    first = start()
    wait_for(lambda: senders() and (dagster_home / "daemon.pid").read_text() == str(first.pid))
    (of_first,) = senders()
    second = start()
    assert second.wait(PATIENCE_S) == 1
    said = (tmp_path / "daemon-1.txt").read_text()
    assert (
        f"{wording.SECOND_DAEMON} (process {first.pid}) works on {dagster_home}. This one ends; nothing was done."
        in said
    )
    assert first.poll() is None
    assert senders() == {of_first}  # the kinds of heartbeats may still grow: each is sent when its thread has started
    first.kill()
    first.wait(PATIENCE_S)
    DaemonLock(dagster_home).take()  # a daemon that was killed stands in nobody's way


def test_a_second_dev_ends_with_an_error(dagster_home: Path, tmp_path: Path):
    """Without a look of its own it would start a daemon, see it end, and end with 0."""
    (tmp_path / "nothing.py").write_text(NOTHING)
    lock = DaemonLock(dagster_home)
    lock.take()
    command = [Path(sys.executable).parent / "dagster", "dev", "-f", "nothing.py", "-p", "0"]
    dev = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        said = dev.communicate(timeout=PATIENCE_S)[1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(dev.pid, signal.SIGKILL)
    assert dev.returncode == 1
    assert f"{wording.SECOND_DAEMON} (process {os.getpid()}) works on {dagster_home}" in said
    assert "Traceback" not in said
    lock.release()


def test_the_threads_of_one_daemon_don_t_take_each_other_for_another(tmp_path: Path):
    lock = DaemonLock(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: lock.take(), range(200)))


def test_the_lock_is_for_one_at_a_time(tmp_path: Path):
    first, second = DaemonLock(tmp_path), DaemonLock(tmp_path)
    for _ in range(2):  # at each heartbeat
        first.take()
        with pytest.raises(DaemonRunsAlready, match=rf"process {os.getpid()}\) works on .*or stop it first"):
            second.take()
