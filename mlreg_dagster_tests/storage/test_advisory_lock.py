"""Locks between hosts, on a real PostgreSQL."""

import os
import subprocess
import sys
import threading
import time

import pytest

from mlreg_dagster.storage import advisory_lock, postgres
from mlreg_dagster.storage.advisory_lock import AdvisoryLock, LockBusy, LockLost
from mlreg_dagster.storage.postgres import PostgresUnavailable
from mlreg_dagster_tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

pytestmark = pytest.mark.slow

_KEEP = """
import sys, time
from mlreg_dagster.storage.advisory_lock import AdvisoryLock
with AdvisoryLock(sys.argv[1], "table t", 5).held():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def url(request):
    yield request.getfixturevalue("postgres_url")
    advisory_lock._connections.close()


def _lock(url, timeout_s=0.2, name="table t"):
    return AdvisoryLock(url, name, timeout_s)


def _end_backends(url):
    with postgres.connect(url, silence_s=5) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name LIKE 'mlreg_dagster%lock'"
        )


def test_one_holds_it_and_the_other_is_told_who(url):
    with _lock(url).held():
        assert f"mlreg_dagster {os.uname().nodename[:30]} {os.getpid()} lock of user postgres" in _lock(url).holder()
        began = time.monotonic()
        with (
            pytest.raises(LockBusy, match=rf"lock on table t in .* for more than 0\.2 s .* {os.getpid()} lock"),
            _lock(url).held(),
        ):
            pass
        assert 0.2 <= time.monotonic() - began < 5
        with _lock(url, name="table u").held():
            pass
    assert _lock(url).holder() is None
    with _lock(url, 0).held():
        pass


def test_those_who_share_it_keep_out_the_one_who_does_not(url):
    with _lock(url).held(shared=True), _lock(url).held(shared=True), pytest.raises(LockBusy), _lock(url, 0).held():
        pass
    with _lock(url).held():
        pass


def test_threads_of_a_process_take_turns_and_connections_are_kept(url):
    inside, most = [], []

    def work():
        for _ in range(5):
            with _lock(url, 20).held() as hold:
                inside.append(1)
                most.append(len(inside))
                hold.check()
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert most == [1] * 20
    with postgres.connect(url, silence_s=5) as connection:
        kept = f"SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%{os.getpid()} lock'"
        assert connection.execute(kept).fetchone()[0] <= 4  # one a thread at most


def test_a_lock_whose_connection_is_gone_is_lost_and_free(url):
    with _lock(url).held() as hold:
        hold.check()
        _end_backends(url)
        with pytest.raises(LockLost, match=r"lock on table t .* is lost: .*terminat"):
            hold.check()
        with _lock(url, 0).held():
            pass
    _end_backends(url)  # those that were kept
    with _lock(url, 0).held() as hold:
        hold.check()


def test_a_killed_holder_leaves_no_lock(url):
    command = [sys.executable, "-c", _KEEP, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockBusy, match=f" {holder.pid} lock"), _lock(url).held():
            pass
        holder.kill()
        with _lock(url, 5).held():
            pass


def test_a_forked_process_leaves_the_lock_with_its_parent(url):
    with _lock(url).held() as hold:
        if (child := os.fork()) == 0:
            advisory_lock._connections.close()
            os._exit(0)
        os.waitpid(child, 0)
        hold.check()
        with pytest.raises(LockBusy), _lock(url, 0).held():
            pass


def test_an_interrupted_wait_leaves_nothing(url, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(AdvisoryLock, "_lock", interrupted)
        with pytest.raises(KeyboardInterrupt), _lock(url).held():
            pass
    with _lock(url, 0).held():
        pass


@pytest.mark.parametrize(
    "url", ["postgresql://anna:hunter22@127.0.0.1:1/lake", "postgresql+psycopg2://anna:hunter22@127.0.0.1:1/x"]
)
def test_a_server_that_is_not_there_is_named_without_the_password(url):
    with (
        pytest.raises(PostgresUnavailable, match=r"//127\.0\.0\.1:1/\w+ can't be reached") as caught,
        _lock(url).held(),
    ):
        pass
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("url", ["lake", "sqlite:///lake", "postgresql://a:b:c:hunter22@@@/"])
def test_what_is_no_url_of_postgresql_is_refused(url):
    with pytest.raises(PostgresUnavailable) as caught, _lock(url).held():
        pass
    assert "hunter22" not in str(caught.value)
