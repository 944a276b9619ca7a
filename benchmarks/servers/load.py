"""The client: asks a route for some seconds, by `wrk` where it is installed, else by Python."""

import asyncio
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from servers.processes import cpu

JSON = "application/json"

_LUA = """
wrk.method = "{method}"
{body}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %f %d %f %f %f\\n", summary.requests, summary.duration / 1e6,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Target:
    """A route of a server that is asked.

    Attributes:
        name: For the table.
        process: Number of the process whose processor time counts, with its children's.
        url: What is asked.
        body: What is sent; None: nothing, by GET.
        headers: Of the request.
        is_refused: Whether an answer that is none is what is measured.
    """

    name: str
    process: int
    url: str
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = (("Content-Type", JSON),)
    is_refused: bool = False


@dataclass(frozen=True)
class Measured:
    """What a run of the client saw; times in ms, processor time in µs a request."""

    requests: int
    a_second: float
    failed: int
    p50: float
    p95: float
    p99: float
    cpu: float


def measure(target: Target, connections: int, seconds: float, folder: Path) -> Measured:
    """Ask for some seconds."""
    before = cpu(target.process)
    run = _by_wrk if shutil.which("wrk") else _by_python
    requests, spent, failed, p50, p95, p99 = run(target, connections, seconds, folder)
    used = cpu(target.process) - before
    failed = 0 if target.is_refused else failed
    return Measured(requests, requests / spent, failed, p50, p95, p99, 1e6 * used / max(requests, 1))


def _by_wrk(
    target: Target, connections: int, seconds: float, folder: Path
) -> tuple[int, float, int, float, float, float]:
    script, content = folder / "request.lua", folder / "request.body"
    body = ""
    if target.body is not None:
        content.write_bytes(target.body)
        body = f'local file = io.open("{content}", "rb")\nwrk.body = file:read("*all")\nfile:close()\n'
        body += "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in target.headers)
    script.write_text(_LUA.format(method="GET" if target.body is None else "POST", body=body))
    command = [
        "wrk", "-t", "1", "-c", str(connections), "-d", f"{max(round(seconds), 1)}s", "--timeout", "30s",
        "-s", str(script),
    ]  # fmt: skip
    done = subprocess.run([*command, target.url], check=True, capture_output=True, text=True)
    requests, spent, failed, *percentiles = next(
        line.split()[1:] for line in done.stdout.splitlines() if line.startswith("RESULT")
    )
    p50, p95, p99 = map(float, percentiles)
    return int(requests), float(spent), int(failed), p50, p95, p99


def _by_python(
    target: Target, connections: int, seconds: float, _: Path
) -> tuple[int, float, int, float, float, float]:
    taken, failed = asyncio.run(_ask(target, connections, seconds))
    p50, p95, p99 = np.percentile(np.array(taken) * 1e3, [50, 95, 99]) if taken else (np.nan,) * 3
    return len(taken), seconds, failed, float(p50), float(p95), float(p99)


async def _ask(target: Target, connections: int, seconds: float) -> tuple[list[float], int]:
    taken: list[float] = []
    failed, end = 0, time.perf_counter() + seconds

    async def one() -> None:
        nonlocal failed
        while time.perf_counter() < end:
            began = time.perf_counter()
            if target.body is None:
                reply = await client.get(target.url)
            else:
                reply = await client.post(target.url, content=target.body, headers=dict(target.headers))
            failed += reply.status_code != 200
            taken.append(time.perf_counter() - began)

    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:
        await asyncio.gather(*(one() for _ in range(connections)))
    return taken, failed
