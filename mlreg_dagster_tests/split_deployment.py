"""A deployment in parts, as containers run it: code server, web server and daemon, each of which can be killed alone.

Code server and daemon fork from a process that has imported all that they need: to begin costs them nothing.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from mlreg_dagster.storage.homes import DAGSTER_YAML
from mlreg_dagster_tests.deployment import FASTER, SERVED, Deployment, free_port
from mlreg_dagster_tests.killable import Process

HELD = [{"key": "dagster/sensor_name", "value": "retrain_sensor", "limit": 0}]
"""Of the run queue: no training that the sensor asks for begins."""


class SplitDeployment(Deployment):
    """As `Deployment`.

    Args:
        folder: See there.
        now: See there.
        configs: See there.
        daemon: Whether it begins with a daemon.
    """

    def __init__(
        self, folder: Path, now: str, configs: Mapping[str, Any] | None = None, *, daemon: bool = True
    ) -> None:
        super().__init__(folder, now, configs)
        self.workspace = folder / "workspace.yaml"
        self._begins_with_daemon = daemon
        self._code: Process | None = None
        self._daemon: Process | None = None

    def __enter__(self) -> "SplitDeployment":
        self.log.unlink(missing_ok=True)
        port = free_port()
        server = {"host": "127.0.0.1", "port": port, "location_name": "served"}
        self.workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
        self._code = self._fork("dagster", "api", "grpc", "-f", SERVED, "-h", "127.0.0.1", "-p", port)
        self.process = self.start("dagster-webserver", "-w", self.workspace, "-h", "127.0.0.1", "-p", self.port)
        try:
            self.wait_for("code location", self._is_loaded)
            if self._begins_with_daemon:
                self.start_daemon()
                self.wait_for("daemon", self._daemon_is_alive)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _is_loaded(self) -> bool:
        self.client.ask("mutation { reloadWorkspace { __typename } }")  # the code server may be slower
        return bool(self.client.location().repository)

    def _daemon_is_alive(self) -> bool:
        return all(each.healthy for each in self.client.daemons() if each.required)

    def __exit__(self, *_: object) -> None:
        self.kill_daemon()
        _kill(self._code)
        super().__exit__()

    def start_daemon(self, *, holds: bool = False) -> None:
        """Start it.

        Args:
            holds: Whether trainings that the sensor asks for stay in the queue.
        """
        config = yaml.safe_load(DAGSTER_YAML + FASTER)
        config["concurrency"]["runs"]["tag_concurrency_limits"] = HELD if holds else []
        (self.folder / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(config))
        self._daemon = self._fork("dagster-daemon", "run", "-w", self.workspace)

    def kill_daemon(self) -> None:
        """As by power loss."""
        _kill(self._daemon)
        self._daemon = None

    def _fork(self, name: str, *arguments: object) -> Process:
        """Start one of Dagster's commands, in a process group of its own."""
        forks = multiprocessing.get_context("forkserver")
        forks.set_forkserver_preload(["mlreg_dagster_tests.preloaded"])
        command = [name, *map(str, arguments)]
        process = forks.Process(target=_run, args=(command, self.environment, self.folder, self.log))
        process.start()
        return process


def _kill(process: Process | None) -> None:
    """End a process and all that it has started."""
    if process is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()


def _run(command: list[str], environment: Mapping[str, str], folder: Path, log: Path) -> None:
    from dagster._cli import cli
    from dagster._daemon.cli import cli as daemon

    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = command
    (daemon if command[0] == "dagster-daemon" else cli).main(command[1:], standalone_mode=False)
