"""A deployment in parts, as containers run it: code server and web server go on while the daemon is killed."""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlreg_dagster.storage.homes import DAGSTER_YAML
from mlreg_dagster_tests.deployment import FASTER, SERVED, Deployment
from mlreg_dagster_tests.killable import Process
from mlreg_dagster_tests.ports import free_port

HELD = [{"key": "dagster/sensor_name", "value": "retrain_sensor", "limit": 0}]
"""Of the run queue: no training that the sensor asks for begins."""


class SplitDeployment(Deployment):
    """As `Deployment`; it begins without a daemon, and one that is started forks from a process that is warm."""

    def __init__(self, folder: Path, now: str, configs: Mapping[str, Any] | None = None) -> None:
        super().__init__(folder, now, configs)
        self.workspace = folder / "workspace.yaml"
        self.daemon: Process | None = None

    def __enter__(self) -> "SplitDeployment":
        port = free_port()
        server = {"host": "127.0.0.1", "port": port, "location_name": "served"}
        self.workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
        self.code = self.start("dagster", "api", "grpc", "-f", SERVED, "-h", "127.0.0.1", "-p", port)
        self.process = self.start("dagster-webserver", "-w", self.workspace, "-h", "127.0.0.1", "-p", self.port)
        try:
            self.wait_for("code location", self._is_loaded)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _is_loaded(self) -> bool:
        self.client.ask("mutation { reloadWorkspace { __typename } }")  # the code server may be slower
        return bool(self.client.location().repository)

    def __exit__(self, *_: object) -> None:
        self.kill_daemon()
        for process in (self.process, self.code):
            self.process = process
            super().__exit__()

    def start_daemon(self, *, holds: bool) -> None:
        """Start it.

        Args:
            holds: Whether trainings that the sensor asks for stay in the queue.
        """
        config = yaml.safe_load(DAGSTER_YAML + FASTER)
        config["concurrency"]["runs"]["tag_concurrency_limits"] = HELD if holds else []
        (self.folder / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(config))
        forks = multiprocessing.get_context("forkserver")
        forks.set_forkserver_preload(["mlreg_dagster_tests.preloaded"])
        self.daemon = forks.Process(target=_run_daemon, args=(self.environment, self.workspace, self.log))
        self.daemon.start()

    def kill_daemon(self) -> None:
        """As by power loss."""
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.join()
            self.daemon = None


def _run_daemon(environment: Mapping[str, str], workspace: Path, log: Path) -> None:
    from dagster._daemon.cli import run_command

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(workspace.parent)
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["dagster-daemon", "run"]
    run_command.main(["-w", str(workspace)], standalone_mode=False)
