"""PostgreSQL, an object store, a daemon and two workers as hosts of their own, which share three URLs and no folder."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from mlreg_dagster import jobs
from mlreg_dagster.config.places import ARTIFACTS, DAGSTER, LATEST, REGISTRY, TABLES
from mlreg_dagster.core.hours import HOUR, hour_key, hour_range
from mlreg_dagster.storage.homes import DAGSTER_POSTGRES_YAML
from mlreg_dagster_tests import object_store
from mlreg_dagster_tests.hosts.launcher import RAN_ON
from mlreg_dagster_tests.hosts.namespaces import Host, Hosts, hosts
from mlreg_dagster_tests.lifecycle import START, Lifecycle, write_configs
from mlreg_dagster_tests.postgres import find_binaries
from mlreg_dagster_tests.repository import PROJECT_DIR
from mlreg_dagster_tests.waiting import wait_for

pytestmark = pytest.mark.slow

HOURS, PER_RUN = hour_range(START, START + 95 * HOUR), 24
CONFIGS = {"automation": {"hours_per_run": PER_RUN}}
PATIENCE_S = 1200
NAMES = ("market_snapshot", "market_features")
BIN = Path(sys.executable).parent
SETTINGS = {
    "run_monitoring": {"enabled": True, "poll_interval_seconds": 2, "start_timeout_seconds": PATIENCE_S},
    "run_queue": {"dequeue_interval_seconds": 1},
}
ASK = """mutation ($it: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $it) { __typename ... on PythonError { message } }
}"""


@dataclass
class Told:
    """What a host that was not lost tells at the end."""

    tables: Mapping[str, pd.DataFrame]
    runs: list[dict[str, Any]]
    made: list[str]

    def on(self, host: str, status: str) -> list[dict[str, Any]]:
        return [each for each in self.runs if each["tags"].get(RAN_ON) == host and each["status"] == status]


class Team:
    """Five hosts: `database`, `store`, `daemon`, and two workers, of which `worker1` is going to be lost."""

    def __init__(self, made: Hosts) -> None:
        self.daemon = made.add("daemon")  # whose launcher has to see the first processes of the others
        self.database, self.store = (made.add(name, can_be_lost=True) for name in ("database", "store"))
        self.workers = [made.add(name, can_be_lost=True) for name in ("worker1", "worker2")]
        self.here = made.folder / "here"
        self._start_database()
        self._start_store()
        dagster_yaml = yaml.safe_load(DAGSTER_POSTGRES_YAML) | SETTINGS
        dagster_yaml["run_launcher"] = {
            "module": "mlreg_dagster_tests.hosts.launcher",
            "class": "ByTurns",
            "config": {"hosts": {host.name: host.pid for host in self.workers}, "here": str(self.here)},
        }
        for host in (self.daemon, *self.workers):
            write_configs(host.outside / "configs", CONFIGS)
            (host.outside / "home" / "dagster").mkdir(parents=True)
            (host.outside / "home" / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(dagster_yaml))
        code = {"host": "127.0.0.1", "port": 4000, "location_name": "mlreg"}
        (self.daemon.outside / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": code}]}))
        module, port = "mlreg_dagster_tests.hosts.served", str(code["port"])
        self._start("code", [BIN / "dagster", "api", "grpc", "-m", module, "-h", "127.0.0.1", "-p", port])
        self._start("daemon", [BIN / "dagster-daemon", "run", "-w", self.here / "workspace.yaml"])

    @property
    def environment(self) -> dict[str, str]:
        """Of every host: three URLs, that of Dagster, and paths of its own."""
        server = f"postgresql://postgres@{self.database.address}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLREG_", "AWS_"))}
        return {
            **kept,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",  # Dagster starts a run by the name of its program
            **object_store.variables(f"http://{self.store.address}:5000"),
            TABLES: f"ducklake:{server}/lake#s3://team/tables",
            ARTIFACTS: "s3://team/artifacts",
            LATEST: "s3://team/latest",
            REGISTRY: f"{server}/registry",
            DAGSTER: f"{server}/dagster",
            "MLREG_HOME": str(self.here / "home"),
            "MLREG_CONFIG_DIR": str(self.here / "configs"),
            "DAGSTER_HOME": str(self.here / "home" / "dagster"),
            "PYTHONPATH": str(PROJECT_DIR),
        }

    def ask_for(self, hours: pd.DatetimeIndex) -> None:
        """Ask for a backfill, as the button in the UI does."""
        selected = [{"path": [name]} for name in NAMES]
        asked = {"assetSelection": selected, "partitionNames": [hour_key(hour) for hour in hours]}
        words = [BIN / "dagster-graphql", "-w", self.here / "workspace.yaml", "-t", ASK]
        is_up = [*self.daemon.enter(), str(BIN / "dagster"), "api", "grpc-health-check", "-p", "4000"]
        wait_for(lambda: subprocess.run(is_up, capture_output=True).returncode == 0)
        said = self.daemon.run([*words, "-v", json.dumps({"it": asked})], self.environment)
        assert "LaunchBackfillSuccess" in said, said

    def runs_on(self, host: Host) -> list[str]:
        """What the runs on a host have said so far, each."""
        return [log.read_text(errors="replace") for log in sorted(host.outside.glob("run-*.log"))]

    def assert_none_failed(self) -> None:
        """No host was lost so far, so that no run may have failed."""
        for host in self.workers:
            for said in self.runs_on(host):
                assert "RUN_FAILURE" not in said, said[-3000:]

    @contextmanager
    def logs_where_it_fails(self) -> Iterator[None]:
        """The ends of all logs, in the output of a test that fails within."""
        try:
            yield
        except AssertionError:
            for log in sorted((self.here.parent / "hosts").glob("*/*.log")):
                print(f"--- {log.parent.name}/{log.name}\n{log.read_text(errors='replace')[-2000:]}")
            raise

    def told(self, by: Host) -> Told:
        by.run([sys.executable, "-m", "mlreg_dagster_tests.hosts.telling", self.here / "told"], self.environment)
        folder = by.outside / "told"
        dagster = json.loads((folder / "dagster.json").read_text())
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in NAMES}
        shutil.rmtree(folder)
        return Told(tables, dagster["runs"], dagster["made"])

    def all_made(self) -> bool:
        """Whether Dagster has a record of every hour's features."""
        sql = "SELECT count(DISTINCT partition) FROM event_logs WHERE asset_key = '[\"market_features\"]' "
        sql += "AND dagster_event_type = 'ASSET_MATERIALIZATION'"
        return int(self._psql("dagster", sql)) == len(HOURS) and not int(
            self._psql("dagster", "SELECT count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE')")
        )

    def has_ended_again(self) -> bool:
        """Whether a run that was tried again has ended well: one may be lost once its hours were recorded."""
        sql = "SELECT count(*) FROM runs JOIN run_tags USING (run_id) WHERE key = 'dagster/retry_number' "
        return int(self._psql("dagster", f"{sql}AND status = 'SUCCESS'")) > 0

    def _psql(self, database: str, sql: str) -> str:
        server = ["-h", self.database.address, "-U", "postgres", "-d", database]
        return self.database.run([self._binaries / "psql", *server, "-Atc", sql]).strip()

    def _start(self, name: str, command: list[object]) -> None:
        with (self.daemon.outside / f"{name}.log").open("wb") as log:
            self.daemon.start(command, self.environment, log)

    def _start_database(self) -> None:
        found = find_binaries()
        if found is None or shutil.which("runuser") is None:
            pytest.skip("no PostgreSQL binaries")
        self._binaries, data, user = found, self.here / "data", ["runuser", "-u", "postgres", "--"]
        (self.database.outside / "data").mkdir()
        shutil.chown(self.database.outside / "data", "postgres")
        self.database.run([*user, found / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"])
        with (self.database.outside / "data" / "pg_hba.conf").open("a") as rights:
            rights.write("host all all 10.77.0.0/24 trust\n")
        options = {"listen_addresses": self.database.address, "fsync": "off", "unix_socket_directories": data}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.database.outside / "log").open("wb") as log:
            self.database.start([*user, found / "postgres", "-D", data, *settings], os.environ, log)
        is_up = [*self.database.enter(), str(found / "pg_isready"), "-h", self.database.address]
        wait_for(lambda: subprocess.run(is_up, capture_output=True).returncode == 0)
        for name in ("lake", "registry", "dagster"):
            self._psql("postgres", f"CREATE DATABASE {name}")

    def _start_store(self) -> None:
        server = [sys.executable, "-m", "mlreg_dagster_tests.object_store", self.store.address, 5000]
        self.store.start(server, {**os.environ, "PYTHONPATH": str(PROJECT_DIR)}, subprocess.DEVNULL)
        make = "import sys, urllib.request as r; r.urlopen(r.Request(sys.argv[1], method='PUT'), timeout=30)"
        command = [*self.store.enter(), sys.executable, "-c", make, f"http://{self.store.address}:5000/team"]
        wait_for(lambda: subprocess.run(command, capture_output=True).returncode == 0)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    for each in (folder, *folder.parents[:3]):
        each.chmod(each.stat().st_mode | 0o011)  # the server of the database is another user
    before = os.umask(0o022)  # commands that ran in this process keep what they make to their user
    try:
        with hosts(folder) as made:
            yield Team(made)
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def told(team: Team) -> Told:
    """After a backfill amid which a host was lost."""
    team.ask_for(HOURS)
    lost, left = team.workers

    def is_amid_its_second_run() -> bool:
        said = team.runs_on(lost)
        team.assert_none_failed()
        return len(said) > 1 and "RUN_SUCCESS" in said[0] and "STEP_START" in said[-1]

    with team.logs_where_it_fails():
        wait_for(is_amid_its_second_run, PATIENCE_S, rarest_s=0.5)
    lost.kill()
    with team.logs_where_it_fails():
        wait_for(team.has_ended_again, PATIENCE_S, rarest_s=2)
        wait_for(team.all_made, PATIENCE_S, rarest_s=2)
    return team.told(left)


@pytest.fixture(scope="module")
def on_one_machine(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, pd.DataFrame]:
    world = Lifecycle(tmp_path_factory.mktemp("one") / "home")
    world.run_hours(jobs.MARKET, HOURS)
    order = "ORDER BY hour, instrument_id"
    return {name: world.warehouse.query(f"SELECT * FROM {name} {order}") for name in NAMES}


def test_hosts_share_no_folder(team: Team) -> None:
    for host in (team.daemon, *team.workers):
        assert host.run(["ls", "-A", team.here.parent / "hosts"]) == ""
        own = host.run(["stat", "-c", "%d:%i", team.here])
        others = [each.run(["stat", "-c", "%d:%i", team.here]) for each in (team.daemon, *team.workers) if each != host]
        assert own not in others


def test_each_host_ran_a_chunk_and_the_run_of_the_lost_one_ran_again(told: Told) -> None:
    assert told.made == [hour_key(hour) for hour in HOURS]
    assert told.on("worker1", "SUCCESS")
    assert told.on("worker2", "SUCCESS")
    (lost,) = [each for each in told.runs if each["status"] == "FAILURE"]
    assert lost["tags"][RAN_ON] == "worker1"
    again = [each for each in told.on("worker2", "SUCCESS") if each["tags"].get("dagster/retry_number") == "1"]
    assert [each["tags"]["dagster/asset_partition_range_start"] for each in again] == [
        lost["tags"]["dagster/asset_partition_range_start"]
    ]
    assert len(told.runs) == len(HOURS) // PER_RUN + 1


def test_the_tables_are_those_of_one_machine(told: Told, on_one_machine: Mapping[str, pd.DataFrame]) -> None:
    for name in NAMES:
        assert len(told.tables[name]) > 1000
        pd.testing.assert_frame_equal(told.tables[name], on_one_machine[name], check_exact=True, obj=name)
