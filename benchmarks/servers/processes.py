"""Server processes: how they are started, and what they take of the machine."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

_READY_S = 180


@contextmanager
def ours(home: Path, log: Path) -> Iterator[tuple[int, str]]:
    """`mlreg serve` as it is installed: with its log and its metrics."""
    command = [sys.executable, "-m", "mlreg_dagster.cli", "serve", "--port", "0", "--admin-port", "0"]
    environment = {**os.environ, "MLREG_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with started(command, log, environment) as process:
        url = _first(log, r"on (http://\S+);")
        wait(f"{url}/v2/health/ready")
        yield process, url


@contextmanager
def started(command: Sequence[str], log: Path, environment: dict[str, str]) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=log.parent)
    try:
        yield process.pid
    finally:
        for each in _family(process.pid):
            os.kill(each, signal.SIGTERM)
        process.wait(30)


def plain() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _first(log: Path, pattern: str) -> str:
    end = time.monotonic() + _READY_S
    while not (found := re.search(pattern, log.read_text())):
        if time.monotonic() > end:
            raise SystemExit(log.read_text())
        time.sleep(0.1)
    return found[1]


def wait(url: str) -> None:
    end = time.monotonic() + _READY_S
    while time.monotonic() < end:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{url} does not answer.")


def cpu(process: int) -> float:
    """Seconds of processor time of a process and its children."""
    ticks = sum(sum(map(int, _stat(each)[11:13])) for each in _family(process))
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(process: int) -> list[int]:
    """A process and all that it started, the youngest first."""
    parents = {
        int(place.name): int(_stat(int(place.name))[1]) for place in Path("/proc").iterdir() if place.name.isdigit()
    }
    found = [process]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[::-1]


def _stat(process: int) -> list[str]:
    """Numbers of a process, from its state on; nothing but zeros where it has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["0"] * 50


def resident_mb(process: int) -> float:
    return int(_stat(process)[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
