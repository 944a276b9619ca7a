"""A real `mlreg serve` in a process of its own, on a home of a test; asked through real sockets."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from mlreg_dagster_tests.lifecycle import write_configs
from mlreg_dagster_tests.repository import PROJECT_DIR
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

_ADDRESSES = re.compile(r"on (http://\S+); metrics and status: (http://\S+)")
LONG = os.environ.get("MLREG_LONG") == "1"
"""Whether proofs run in full: many restarts, many bodies."""

_PATIENT: dict[str, dict[str, Any]] = {
    "limits": dict.fromkeys(
        ("header_seconds", "body_seconds", "idle_seconds", "request_seconds", "shutdown_seconds"), 2.0 * PATIENCE_S
    ),
    "log": {"slow_seconds": 60.0},
}
"""A busy machine is neither a slow client nor a slow disk: the test of a time limit sets that limit itself."""


class Server:
    """A server process.

    Attributes:
        url: Of the public port.
        admin_url: Of the admin port.
        home: Its data home.
        started_s: Seconds from the start of the process to its first line.
        ready_s: Seconds until it was ready.
        client: Asks it.
    """

    def __init__(self, home: Path, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.output, self.log = home.with_name(f"{home.name}.out"), home.with_name(f"{home.name}.err")
        self._began = time.monotonic()
        self.process = start(home, ["--port", "0", "--admin-port", "0", *arguments], self.output, self.log, environment)
        first = wait_for(lambda: _ADDRESSES.search(self.output.read_text()) or self.process.poll() is not None)
        assert first is not True, self.log.read_text()
        self.url, self.admin_url = first.groups()
        self.started_s = time.monotonic() - self._began
        self.client = httpx.Client(trust_env=False, verify=False, timeout=PATIENCE_S)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the public port."""
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def is_ready(self) -> bool:
        """Whether it says so."""
        return self.get("/v2/health/ready").status_code == 200

    def wait_until_ready(self) -> float:
        """Wait; gives the seconds since the process was started."""
        try:
            wait_for(self.is_ready)
        except AssertionError:
            raise AssertionError(f"{self.get('/v2/health/ready').text}\n{self.log.read_text()[-3000:]}") from None
        self.ready_s = time.monotonic() - self._began
        return self.ready_s

    def post(self, path: str, **options: Any) -> httpx.Response:
        """One POST."""
        return self.client.post(self.url + path, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """One GET."""
        return self.client.get(self.url + path, **options)

    def admin(self, path: str) -> httpx.Response:
        """One GET on the admin port."""
        return self.client.get(self.admin_url + path)

    def connect(self) -> socket.socket:
        """A connection on which bytes can be sent one by one."""
        return socket.create_connection(self.address, timeout=PATIENCE_S)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; gives the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


def start(
    home: Path, arguments: Sequence[str], output: Path, log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start `mlreg serve` without waiting for it."""
    variables = os.environ | {"MLREG_HOME": str(home), "PYTHONUNBUFFERED": "1"} | dict(environment or {})
    with output.open("wb") as out, log.open("wb") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "mlreg_dagster.cli", "serve", *arguments],
            stdout=out, stderr=err, env=variables, cwd=PROJECT_DIR,
        )  # fmt: skip


@contextmanager
def running(
    home: Path,
    *arguments: str,
    settings: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    configs: Mapping[str, Any] | None = None,
    ready: bool = True,
) -> Iterator[Server]:
    """A server, which is killed at the end if it still runs.

    Args:
        home: Its data home.
        arguments: Further ones of `mlreg serve`.
        settings: Keys of serving.yaml that differ from the project's file; a section is merged with ours.
        environment: Variables that differ from ours.
        configs: Other whole files of configs.
        ready: Wait until it is.
    """
    given = dict(settings or {})
    values = given | {name: limits | dict(given.get(name, {})) for name, limits in _PATIENT.items()}
    folder = write_configs(home.with_name(f"{home.name}-serving"), {**(configs or {}), "serving": values})
    server = Server(home, arguments, {"MLREG_CONFIG_DIR": str(folder), **(environment or {})})
    try:
        if ready:
            server.wait_until_ready()
        yield server
    finally:
        server.client.close()
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()


def copied(home: Path, folder: Path) -> Path:
    """A copy of a home for a server alone."""
    place = folder / "served-home"
    shutil.copytree(home, place)
    return place


def infer_body(columns: Mapping[str, Sequence[float | None]], **further: Any) -> dict[str, Any]:
    """A request of the Open Inference Protocol in JSON, a tensor a feature."""
    return {
        "inputs": [
            {"name": name, "shape": [len(values)], "datatype": "FP64", "data": list(values)}
            for name, values in columns.items()
        ],
        **further,
    }
