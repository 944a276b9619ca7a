"""Starts runs on hosts by turns, as launchers for Kubernetes or ECS do; a run is lost with its host."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from dagster import DagsterRun
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData

RAN_ON = "test/host"


class ByTurns(RunLauncher, ConfigurableClass):
    """Runs start on one host after the other.

    Args:
        hosts: Name to the number of its first process.
        here: The folder of each host, at the same path on all.
    """

    def __init__(self, hosts: Mapping[str, int], here: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._hosts, self._here, self._inst_data = dict(hosts), Path(here), inst_data
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started = 0
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"hosts": dict, "here": str}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        return cls(**config_value, inst_data=inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        alive = [name for name, pid in sorted(self._hosts.items()) if Path(f"/proc/{pid}").exists()]
        name = alive[self._started % len(alive)]
        self._started += 1
        self._instance.add_run_tags(run.run_id, {RAN_ON: name})
        assert run.job_code_origin is not None
        args = ExecuteRunArgs(run.job_code_origin, run.run_id, instance_ref=None).get_command_args()
        into = ["nsenter", "-t", str(self._hosts[name]), "-n", "-m", "-u", "-p"]
        log = self._here / f"run-{self._started}.log"
        script = '"$@" > "$0" 2>&1 || echo "RUN_FAILURE: ended with $?" >> "$0"'
        command = [*into, "sh", "-c", script, str(log), *args]
        self._running[run.run_id] = subprocess.Popen(command, env={**os.environ, "RUN_OF_HOST": name}, cwd="/")

    def terminate(self, run_id: str) -> bool:
        del run_id
        return False

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        process = self._running.get(run.run_id)
        if process is None or process.poll() is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if process.returncode == 0:
            return CheckRunHealthResult(WorkerStatus.SUCCESS)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"{run.tags[RAN_ON]} was lost")
