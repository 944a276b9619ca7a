"""Dagster's storage on a real PostgreSQL: tables like those of the stock storage, one daemon, witnesses."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import httpx
import psycopg
import pytest
import sqlalchemy as sa
import yaml

from mlreg_dagster.cli.intact import require_intact, witnessed_heads
from mlreg_dagster.orchestration.dagster_internals import dagster_files, one_daemon
from mlreg_dagster.orchestration.dagster_internals.audit_heads import recorded_heads
from mlreg_dagster.orchestration.dagster_internals.dagster_database import UnknownStorage, database_url
from mlreg_dagster.orchestration.instance.audit_anchors import heads_on_record
from mlreg_dagster.orchestration.locks.daemon import DaemonRunsAlready, daemon_kept_out
from mlreg_dagster.orchestration.locks.daemon_between_hosts import DaemonLockBetweenHosts
from mlreg_dagster.orchestration.locks.lifecycle import HomeInUse, alone_on
from mlreg_dagster.pages.trust import Trust
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.witness import AUDIT_HEAD, RegistryTampered
from mlreg_dagster.storage.homes import prepare_home
from mlreg_dagster_tests.orchestration.dagster_internals.test_event_log import run_a_range, told
from mlreg_dagster_tests.ports import free_port
from mlreg_dagster_tests.postgres import postgres_server, postgres_url, schema_of_its_own
from mlreg_dagster_tests.registry.builders import register
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

__all__ = ["postgres_server", "postgres_url"]

pytestmark = pytest.mark.slow
pytest.importorskip("dagster_postgres")

DAEMON = """
import sys, threading, time
from mlreg_dagster.orchestration.locks import daemon_between_hosts
daemon_between_hosts._CHECK_S = 0.2
lock = daemon_between_hosts.DaemonLockBetweenHosts(sys.argv[1])
lock.take()
print("one", flush=True)
time.sleep(60)
"""


@pytest.fixture
def url(request, tmp_path, monkeypatch):
    """The database of an instance in a home of its own, named as users name it."""
    url = request.getfixturevalue("postgres_url").replace("postgresql+psycopg://", "postgresql://")
    monkeypatch.setenv("MLREG_DAGSTER", url)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE")
    prepare_home()
    return url


def _rows(url):
    """What the tables hold, without what differs between two runs of the same."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    queries = (
        "SELECT dagster_event_type, step_key, asset_key, partition FROM event_logs ORDER BY 1, 2, 3, 4",
        "SELECT asset_key, last_materialization IS NULL, asset_details, wipe_timestamp, cached_status_data "
        "FROM asset_keys ORDER BY 1",
        "SELECT tags.asset_key, key, CASE WHEN tags.asset_key LIKE '%price%' THEN value END, partition "
        "FROM asset_event_tags tags JOIN event_logs ON event_id = event_logs.id ORDER BY 1, 4, 2, 3",
        "SELECT asset_key, check_name, partition, execution_status FROM asset_check_executions ORDER BY 1, 2, 3, 4",
        "SELECT status, partition FROM runs",
    )
    with engine.connect() as connection:
        return [[tuple(row) for row in connection.execute(sa.text(query))] for query in queries]


def test_it_stores_what_the_stock_storage_stores(url, request, tmp_path, monkeypatch):
    stock = schema_of_its_own(request.getfixturevalue("postgres_server")).replace("+psycopg:", "+psycopg2:")
    (tmp_path / "stock").mkdir()
    config = {"storage": {"postgres": {"postgres_url": stock}}, "telemetry": {"enabled": False}}
    (tmp_path / "stock" / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.from_config(str(tmp_path / "stock")) as instance:
        expected = told(instance, run_a_range(instance).run_id)
    with dg.DagsterInstance.get() as instance:
        transactions = []
        batch = type(instance.event_log_storage)._tell_watchers
        monkeypatch.setattr(
            type(instance.event_log_storage),
            "_tell_watchers",
            lambda self, connection, run, ids: transactions.append(len(ids)) or batch(self, connection, run, ids),
        )
        found = told(instance, run_a_range(instance).run_id)
    assert transactions == [84, 42, 42]  # what is planned, and what two assets made
    for told_by in (expected, found):
        told_by["log of the run"] = sorted(map(str, told_by["log of the run"]))
    assert found == expected
    assert _rows(url) == _rows(stock.replace("+psycopg2:", ":"))


def test_a_batch_that_can_not_be_written_leaves_nothing(url, monkeypatch):
    with dg.DagsterInstance.get() as instance:
        run_a_range(instance)
        storage = instance.event_log_storage
        before = _rows(url)

        def fail(*_):
            raise RuntimeError("the network went away")

        monkeypatch.setattr(storage, "_store_asset_event", fail)
        key = dg.AssetKey("price")
        events = [record.event_log_entry for record in instance.fetch_materializations(key, limit=5).records]
        with pytest.raises(RuntimeError):
            storage.store_event_batch(events)
        assert _rows(url) == before


def test_those_who_listen_are_told_of_each_event_of_a_batch(url):
    with dg.DagsterInstance.get() as instance, psycopg.connect(url, autocommit=True) as listener:
        listener.execute("LISTEN run_events")
        run_id = run_a_range(instance).run_id
        ids = listener.execute("SELECT id FROM event_logs WHERE run_id = %s", (run_id,)).fetchall()
        told_of = {f"{run_id}_{number}" for (number,) in ids}
        said = {note.payload for note in listener.notifies(timeout=PATIENCE_S, stop_after=len(ids))}
        assert said == told_of


def test_the_second_daemon_is_told_who_the_first_is(url, tmp_path):
    command = [sys.executable, "-c", DAEMON, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "one\n"
        lock = DaemonLockBetweenHosts(url)
        named = rf"Another dagster daemon .* {os.uname().nodename[:30]} {first.pid} lock .* since 20\d\d-"
        with pytest.raises(DaemonRunsAlready, match=named):
            lock.take()
        with pytest.raises(DaemonRunsAlready), daemon_kept_out(tmp_path / "dagster"):
            pass
        first.kill()
        first.wait(PATIENCE_S)
        with daemon_kept_out(tmp_path / "dagster"):
            pass


@pytest.mark.parametrize("somebody_else", [False, True])
def test_a_daemon_that_loses_its_lock_takes_it_again_or_ends(url, somebody_else):
    with subprocess.Popen([sys.executable, "-c", DAEMON, url], stdout=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stdout.readline() == "one\n"
            with psycopg.connect(url, autocommit=True) as connection:
                of_it = f"FROM pg_stat_activity WHERE application_name LIKE '%{daemon.pid} lock'"
                (before,) = connection.execute(f"SELECT pid {of_it}").fetchone()
                if somebody_else:  # who waits for it gets it at once
                    connection.execute(f"SELECT pg_terminate_backend(pid, 5000) {of_it}")
                    other = DaemonLockBetweenHosts(url)
                    wait_for(lambda: _taken(other))
                    assert daemon.wait(PATIENCE_S) == 1
                    other.release()
                else:
                    connection.execute(f"SELECT pg_terminate_backend(pid, 5000) {of_it}")
                    wait_for(lambda: connection.execute(f"SELECT pid {of_it}").fetchone() not in {None, (before,)})
                    with pytest.raises(DaemonRunsAlready):
                        DaemonLockBetweenHosts(url).take()
                    assert daemon.poll() is None
        finally:
            daemon.kill()


def test_a_daemon_without_its_lock_does_not_go_on(monkeypatch):
    """Dagster would log what its heartbeat raises, and tick."""
    lock = DaemonLockBetweenHosts("postgresql://nobody@127.0.0.1:1/nowhere")
    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(SystemExit):
        one_daemon.OneDaemon.add_daemon_heartbeat(SimpleNamespace(_daemon=lock), None)


def _taken(lock):
    try:
        lock.take()
    except DaemonRunsAlready:
        return False
    return True


def _report_heads(instance, heads):
    for number, (sequence, digest) in enumerate(sorted(heads)):
        kind = dg.AssetObservation if number % 2 else dg.AssetMaterialization
        instance.report_runless_asset_event(
            kind("champion_model", metadata={AUDIT_HEAD: f"{sequence}:{digest}", "other": "é"})
        )


def test_witnesses_are_read_without_dagster_as_dagster_tells_them(url, tmp_path, monkeypatch):
    home, heads = tmp_path / "dagster", {(4, "a" * 64), (6, "b" * 64)}
    assert recorded_heads(home) == set()
    with dg.DagsterInstance.get() as instance:
        _report_heads(instance, heads)
        assert recorded_heads(home) == heads_on_record() == heads
        with monkeypatch.context() as patch:
            patch.setattr(dagster_files, "version", lambda _: "1.14.0")
            assert recorded_heads(home) is None
        with monkeypatch.context() as patch:
            patch.setenv("MLREG_DAGSTER", "postgresql://nobody@127.0.0.1:1/nowhere")
            assert recorded_heads(home) is None
            patch.delenv("MLREG_DAGSTER")
            assert recorded_heads(home) is None
            with pytest.raises(UnknownStorage, match="MLREG_DAGSTER for Dagster's database, and it is not set"):
                database_url(home)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE alembic_version SET version_num = 'later'")
        assert recorded_heads(home) is None
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", (dagster_files._SCHEMA,))
        instance.wipe_assets([dg.AssetKey("champion_model")])
        assert recorded_heads(home) is None


def test_a_cut_of_the_audit_log_is_noticed_by_what_dagster_remembers(url, tmp_path):
    del url
    file = tmp_path / "registry.sqlite"
    registry = Registry(f"sqlite:///{file}")
    for number in range(1, 4):
        register(registry, f"v{number}")
    with dg.DagsterInstance.get() as instance:
        _report_heads(instance, {registry.audit_head()})
    trust = Trust(registry, tmp_path / "dagster")
    assert trust.problem() is None
    last = registry.audit_log()[-1]
    with closing(sqlite3.connect(file)) as connection, connection:
        for table in (last.kind, "audit_log"):  # as somebody who may drop the triggers can
            connection.execute(f"DROP TRIGGER {table}_no_delete")
            connection.execute(f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})")
    assert registry.find_tampering(set()) is None  # the log alone does not tell
    assert "Record 3 was witnessed" in Trust(registry, tmp_path / "dagster").problem()
    with pytest.raises(RegistryTampered):
        require_intact(registry, witnessed_heads())  # of `mlreg audit verify`


def test_replays_of_two_homes_on_one_registry_keep_each_other_out(url, tmp_path, monkeypatch):
    monkeypatch.setenv("MLREG_REGISTRY", url)
    with alone_on(tmp_path / "one"):
        named = rf"Another replay, demo or sweep works on the registry that MLREG_REGISTRY names.* {os.getpid()} lock"
        with pytest.raises(HomeInUse, match=named), alone_on(tmp_path / "two"):
            pass
        assert not (tmp_path / "two" / "lifecycle.lock.json").exists()
    with alone_on(tmp_path / "two"):
        pass


LOCATION = """
import dagster as dg

@dg.asset(partitions_def=dg.HourlyPartitionsDefinition("2026-01-01-00:00"))
def price(): ...

defs = dg.Definitions(assets=[price], jobs=[dg.define_asset_job("hourly", selection=[price])])
"""


def test_daemon_web_server_and_an_hourly_run_work_on_it(url, tmp_path):
    """The run waits in the queue until the daemon takes it; the second `dagster dev` is refused."""
    del url
    location, port = tmp_path / "location.py", free_port()
    location.write_text(LOCATION)
    with (tmp_path / "dagster" / "dagster.yaml").open("a") as config:
        config.write("run_queue: {dequeue_interval_seconds: 1}\n")
    programs = Path(sys.executable).parent
    begin = [programs / "dagster", "dev", "-f", location, "-p", str(port)]
    with (tmp_path / "log.txt").open("w") as log, dg.DagsterInstance.get() as instance:
        dev = subprocess.Popen(begin, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(instance.get_daemon_heartbeats)
            tags = '{"dagster/partition": "2026-01-01-05:00"}'
            command = [programs / "dagster", "job", "launch", "-f", location, "-j", "hourly", "--tags", tags]
            subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
            wait_for(lambda: [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS])
            assert instance.get_materialized_partitions(dg.AssetKey("price")) == {"2026-01-01-05:00"}
            wait_for(lambda: httpx.get(f"http://127.0.0.1:{port}/server_info", timeout=PATIENCE_S).is_success)
            second = subprocess.run(
                [*begin[:-1], "0"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S
            )
            assert second.returncode == 1
            assert "Another dagster daemon works on this Dagster instance" in second.stderr
            assert "Traceback" not in second.stderr
        finally:
            os.killpg(dev.pid, signal.SIGKILL)
            dev.wait(PATIENCE_S)
